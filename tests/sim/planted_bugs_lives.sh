#!/usr/bin/env bash
# Goal: the lives of orders bite. Method: with each of these planted bugs (BUG(n) in the code) a life must differ.
# Usage: planted_bugs_lives.sh LIFE_CYCLES
passed=0 failed=0
bugs=(
    "1 answers before they are durable"
    "2 refusals not gated"
    "6 a snapshot without last_in_seq"
    "7 a snapshot without the outbox"
    "9 a snapshot without the table of deposits"
    "12 no resend of what was in flight"
    "15 the remainder of an IOC is not released"
    "33 a replace places its order although the cancel failed"
    "35 an amendment under way is not in the snapshot"
    "36 a maker that stays is not told what it gave up"
    "70 a market that is delisted refuses the cancels of what is left"
)
for bug in "${bugs[@]}"; do
    output=$("$1" --every 11 --bug "${bug%% *}" 2>&1)
    if [ $? -eq 1 ] && grep -q '^life_cycles: "' <<<"$output"; then
        echo "ok   bug $bug: $(grep -o '"[^"]*".*, step [0-9]*' <<<"$output" | head -n 1)"
        passed=$((passed + 1))
    else
        echo "FAIL bug $bug: no life differs"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
