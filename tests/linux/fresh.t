# Nobody sees what was: answers that are remembered must not outlive a change by another process (fresh.c).

### names-that-others-change
fresh names

### attributes-that-others-change
fresh attributes

### credentials-root-and-directory-of-ones-own
fresh credentials

### names-asked-about-in-their-order-that-others-change timeout=60
fresh order

### access-times-of-a-reader-and-a-looker
echo a > f; touch -d @1000000001 f; stat -c %X f; cat f; [ $(stat -c %X f) -gt 1000000001 ] && echo read
