# races.sh - what the scripts with races share.
# Points carry memory, a convoy at a lock makes 100,000 events, which carry stacks, and a follower may wait for its core: nothing
# is to be said of a full stream.
TANDEM_RUN_OPTIONS="${TANDEM_RUN_OPTIONS:-} --ring=256M --stack=512"

many=$(count 10 200) some=$(count 4 200)
limit=$((limit / 2))

# race NAME ARGS... - n runs of it. What cannot be, whatever the order, the program finds itself: it ends with 99 then
race() {
    local program=$P/$1 name="$*: $n runs"; shift
    if differs "$program" "$@"; then agree_times "$n" "$name" "$program" "$@"; else fail "$name"; fi
}

report() { jq -r "$1" "$T/report.json"; }
