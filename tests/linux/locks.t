# File locks, and directories that change while they are read (locks.c).

### record-locks-are-ranges-of-bytes
locks ranges

### record-locks-belong-to-a-process
locks owners

### record-locks-of-a-description
locks descriptions

### flock-belongs-to-a-description
locks flock

### record-locks-in-a-circle-are-refused
locks circle

### directory-is-read-while-it-changes
locks readdir

### directory-position-is-kept
locks seekdir
