check_long_scripts += tests/long/quickstart.sh tests/long/fuzz.sh tests/long/soak.sh tests/long/many.sh tests/long/kill.sh
