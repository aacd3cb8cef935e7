# The documents.
EXTRA_DIST += README.md NEWS HACKING.md docs
