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

### file-changes-under-its-reader
regular changes

### holes-read-as-zeros-and-stay-holes
regular holes

### large-reads-and-memory-that-ends
regular large

### many-files-read-in-turn
regular many

### file-is-read-while-it-is-written
regular follow
