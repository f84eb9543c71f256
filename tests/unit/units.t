#!/bin/bash
# units.t - the unit tests, each a program that `make` has built from tests/unit/test_*.c or fuzz_*.c, as one stream of TAP.
#
#   TANDEM_UNITS   where the programs are; default build/unit
cd "$(dirname "$0")/../.." || exit 1
units=${TANDEM_UNITS:-build/unit}
rounds=20000
[ -z "${TANDEM_SOAK:-}" ] || rounds=5000000
seed=$(date +%s)
n=0 failed=0

# The program's own numbers are replaced; what is no result goes along as it is.
one() {
    local name=$1 line planned= seen=0; shift
    while IFS= read -r line; do
        case $line in
        'ok '* | 'not ok '*)
            line=${line/ok $((++seen)) - /ok $((++n)) - $name: }
            case $line in not*) failed=1 ;; esac
            ;;
        1..*) planned=${line#1..}; continue ;;
        *) line="# $name: $line" ;;
        esac
        printf '%s\n' "$line"
    done < <("$@" 2>&1; echo "status $?" >&3)
    read -r line <&4
    if [ "$planned" == "$seen" ] && { [ "$line" == "status 0" ] || [ $failed == 1 ]; }; then
        echo "ok $((++n)) - $name: ran to its end, $seen tests"
    else
        echo "not ok $((++n)) - $name: ran to its end, $seen tests of ${planned:-an unknown number}, $line"
        failed=1
    fi
}
