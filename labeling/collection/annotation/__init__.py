"""One model of labels behind all formats, and what every one of them needs: names of files, several files as one."""
