check_long_scripts += tests/long/quickstart.sh
