# Open files as programs see them (regular.c): offsets, and what several processes do to one file.

### offsets-move-as-calls-say
regular seek

### offset-is-shared-over-fork
regular fork

### offset-is-inherited-by-exec
regular exec

### appending-processes-and-a-reader
regular append

### threads-share-one-offset
regular threads
