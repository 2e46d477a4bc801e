# SPDX-License-Identifier: MIT
# textbook.sh TRIALS UART_HANDLER FILE_WRITE OPEN: the mistakes that textbooks use to argue for isolated servers, one after the other,
# at the beginning of these functions, so often. Prints what the programs saw, and after each mistake the order and the component.
folder=/proc/bulkhead

# step NAME COMPONENT BYTES SITE: make the mistake; the command behind runs into it.
step() {
    name=$1 component=$2
    echo "$2 patch $4 $3" >$folder/fault
    shift 4
    "$@" || echo "failed: $*"
    sleep 0.3
    echo "$name: $(tail -n 1 $folder/fault)"
    echo "$name: $(grep "^$component " $folder/status)"
    sleep 11  # so that each is the first failure for a while
}

console() { echo 'a line for the console' >/dev/ttyS0; }
file() { echo 'kept in a file' >/tmp/kept && cat /tmp/kept; }

trial=0
while [ $trial -lt "$1" ]; do
    # mov 0,%eax
    step null uart0 8b042500000000 "$2" console
    # mov $0x10000,%ecx; mov %rsp,%rdi; rep stosb
    step overflow tmpfs b9000001004889e7f3aa "$3" file
    # a call of its own endpoint, for ever
    step deadlock tmpfs 6a055f6a015848c1e03e31f64983cfff0f05 "$4" file
    trial=$((trial + 1))
    usleep $((trial * 1700))  # at another moment between two heartbeats
done
