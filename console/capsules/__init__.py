"""A stack as it runs, told so that another machine can say whether it is the same, and taken along in one file."""
