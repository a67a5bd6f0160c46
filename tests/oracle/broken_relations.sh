#!/usr/bin/env bash
# Goal: the metamorphic relations bite. Method: each one's image is spoilt a little (BREAK), and the run must fail.
# Usage: broken_relations.sh TEST_BOOK_METAMORPHIC
passed=0 failed=0
breaks=(
    "1 mirror: a stop is one tick off"
    "2 scale: a trailing delta is one basis point more"
    "3 dead leg: it can be reached"
    "4 alone: others are at its price"
    "5 shared: the plain twin has a lot less"
)
for break in "${breaks[@]}"; do
    output=$("$1" 1 300000 "${break%% *}" 2>&1)
    if [ $? -eq 1 ] && grep -q 'setting "' <<<"$output"; then
        echo "ok   $break: $(grep -o 'command [0-9]*' <<<"$output" | tail -n 1)"
        passed=$((passed + 1))
    else
        echo "FAIL $break: not noticed"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
