# The documents.
EXTRA_DIST += README.md NEWS HACKING.md docs
dist_man_MANS += docs/pathways.1
