#!/usr/bin/env bash
# Goal: the simulator's checks bite. Method: each planted bug (PROTOCOL §5; BUG(n) in the code) must be caught
# within the seeds allowed; prints the seeds that it took.
# Usage: planted_bugs.sh SIM
sim=$1 passed=0 failed=0
bugs=(
    "1 answers before they are durable"
    "2 refusals not gated"
    "3 messages sent before their chunk is published"
    "5 the writer merges lanes in any order"
    "6 a snapshot without last_in_seq"
    "7 a snapshot without the outbox"
    "8 a snapshot of what is not durable"
    "9 a snapshot without the table of deposits"
    "11 the journal trimmed beyond the older snapshot"
    "12 no resend of what was in flight"
    "13 a whole match must fit"
    "14 other input during a sliced match"
    "15 the remainder of an IOC is not released"
    "16 GET /account not gated"
    "17 views fold before the gate"
    "19 room checked after the record"
    "32 a replace takes more of a hold than is left of it"
    "33 a replace places its order although the cancel failed"
    "34 a replace that only cancels, for its account has too many orders, replays as a replace"
    "35 an amendment under way is not in the snapshot"
    "36 a maker that stays is not told what it gave up"
    "40 user events not gated"
    "41 makers are not told of their fills"
    "42 the hold of a refused order comes back in silence"
    "43 a fill that was held back is forgotten"
    "44 a fill that was held back is told twice"
    "50 the history's rows in one transaction, their cursor in the next"
    "51 a candle that the history has the beginning of begins anew"
    "52 a bad snapshot counts as one that is kept"
    "53 the journal is trimmed to what of the history is not synced"
    "54 what could not be read leaves half of it in the follower's twin"
    "60 depth that is conflated loses some of it"
    "61 who misses depth finds the log of one who has left"
    "62 an aggregate trade that has grown is not told again"
    "70 a market that is delisted refuses the cancels of what is left"
    "72 a snapshot without the todo list"
    "73 the other one of a pair is not told that it has ended"
    "71 orders take the room of a configuration's acknowledgement"
)
for bug in "${bugs[@]}"; do
    number=${bug%% *} caught=
    for ((seed = 1; seed <= 2000; seed++)); do
        if ! "$sim" --seed "$seed" --bug "$number" >/dev/null 2>&1; then
            caught=$seed
            break
        fi
    done
    if [ -n "$caught" ]; then
        echo "ok   bug $bug: seed $caught"
        passed=$((passed + 1))
    else
        echo "FAIL bug $bug: not caught in 2000 seeds"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
