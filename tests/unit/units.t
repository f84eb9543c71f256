#!/bin/bash
# units.t - the unit tests, each a program that make has built from test_*.c or fuzz_*.c beside this file, as one stream of TAP.
#
#   TANDEM_UNITS   where the programs are; default build/unit
cd "$(dirname "$0")/../.." || exit 1
units=${TANDEM_UNITS:-build/unit}
rounds=100000
[ -z "${TANDEM_SOAK:-}" ] || rounds=20000000
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
n=0 failed=0

# result GOOD TEXT
result() {
    if [ "$1" == yes ]; then echo "ok $((++n)) - $2"; else echo "not ok $((++n)) - $2"; failed=1; fi
}

# unit NAME COMMAND... - its results under numbers of our own, and one more: that it came to its end
unit() {
    local name=$1 line planned= seen=0 status good; shift
    "$@" >"$out" 2>&1
    status=$?
    while IFS= read -r line; do
        case $line in
        'ok '*)     : $((++seen)); result yes "$name: ${line#* - }" ;;
        'not ok '*) : $((++seen)); result no "$name: ${line#* - }" ;;
        1..*)       planned=${line#1..} ;;
        *)          echo "# $name: ${line#\# }" ;;
        esac
    done <"$out"
    good=no
    [ "$planned" != "$seen" ] || [ $status -gt 1 ] || good=yes
    result $good "$name: ran to its end ($seen tests of ${planned:-an unknown number}, status $status)"
}

for source in tests/unit/*_*.c; do
    name=$(basename "$source" .c)
    if [ ! -x "$units/$name" ]; then
        result no "$name: built (make units)"
        continue
    fi
    case $name in
    fuzz_*) unit "$name" "$units/$name" "$(date +%s)" $rounds ;;
    *)      unit "$name" "$units/$name" ;;
    esac
done
echo "1..$n"
exit $failed
