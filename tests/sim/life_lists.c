/* The lives of order lists. What is seen was written by hand, by the rules (docs/MATCHING.md),
 * before there was anything that could have shown it.
 *
 * An OCO holds what the dearer of its legs needs, once; with the first trade, trigger or end of one
 * the other one is EXPIRED. A cancel of one order of a list, or of the list, cancels all that is
 * open of it. Pending orders hold nothing. They are placed when the working one is FILLED, EXPIRED
 * when that cannot be, and end as the working one does: CANCELED with it by a cancel, else EXPIRED.
 */
#include "tests/sim/life_cycles.h"

#include <stddef.h>

/* clang-format off */
const struct script list_scripts[] = {
    /* ---- OCO ---- */
    {"OCO to sell: the limit leg trades, the stop is over",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a oco L sell x STOP_LOSS_LIMIT GTC 5 @ 94 stop 95 / sell y LIMIT_MAKER 5 @ 110 | x WAITING 0/5; y NEW 0/5; a 95.98+5 9900\n"
     "b buy t LIMIT IOC 2 @ 110 | x EXPIRED 0/5; y PARTIAL 2/5; t FILLED 2/2; a 95.98+3 10117.8; b 100.96 9879\n"
     "b buy u LIMIT IOC 3 @ 110 | y FILLED 5/5; u FILLED 3/3; a 95.98 10444.5; b 103.9 9549\n"},
    {"OCO to sell: the stop fires, the limit leg is over, the stop's rest is cancelled",
     "b buy k LIMIT GTC 3 @ 95 | k NEW 0/3; b 100 9715+285\n"
     "a oco L sell x STOP_LOSS_LIMIT GTC 5 @ 94 stop 95 / sell y LIMIT_MAKER 5 @ 110 | x WAITING 0/5; y NEW 0/5; a 95+5 10000\n"
     "a sell t LIMIT GTC 1 @ 95 | k FILLED 3/3; x PARTIAL 2/5; y EXPIRED 0/5; t FILLED 1/1; a 94+3 10279.3; b 102.97 9715\n"
     "a cancel x | x CANCELED 2/5; a 97 10279.3\n"},
    {"OCO to sell at market: the stop loss fires",
     "b buy k LIMIT GTC 9 @ 95 | k NEW 0/9; b 100 9145+855\n"
     "a oco L sell x STOP_LOSS 3 stop 95 / sell y TAKE_PROFIT 3 stop 110 | x WAITING 0/3; y WAITING 0/3; a 97+3 10000\n"
     "a sell t LIMIT GTC 1 @ 95 | k PARTIAL 4/9; x FILLED 3/3; y EXPIRED 0/3; t FILLED 1/1; a 96 10372.4; b 103.96 9145+475\n"
     "b cancel k | k CANCELED 4/9; b 103.96 9620\n"},
    {"OCO to sell: the take profit fires and rests",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a oco L sell x STOP_LOSS 3 stop 90 / sell y TAKE_PROFIT_LIMIT GTC 3 @ 112 stop 110 | x WAITING 0/3; y WAITING 0/3; a 97.98+3 9900\n"
     "b sell o LIMIT GTC 1 @ 110 | o NEW 0/1; b 98+1 10099\n"
     "b buy p LIMIT IOC 1 @ 110 | x EXPIRED 0/3; y NEW 0/3; o FILLED 1/1; p FILLED 1/1; b 98.98 10097.9\n"
     "b buy t LIMIT IOC 3 @ 112 | y FILLED 3/3; t FILLED 3/3; a 97.98 10232.64; b 101.92 9761.9\n"},
    {"OCO to buy: the dearer leg's hold; less once the other one has traded",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a oco L buy x STOP_LOSS_LIMIT GTC 5 @ 112 stop 110 / buy y LIMIT_MAKER 5 @ 90 | x WAITING 0/5; y NEW 0/5; a 100.98 9340+560\n"
     "b sell t LIMIT IOC 2 @ 90 | x EXPIRED 0/5; y PARTIAL 2/5; t FILLED 2/2; a 102.96 9450+270; b 97 10275.4\n"
     "a cancellist L | y CANCELED 2/5; a 102.96 9720\n"},
    {"OCO: cancelled as a list, and by one of its orders",
     "a oco L sell x STOP_LOSS 3 stop 90 / sell y LIMIT_MAKER 3 @ 110 | x WAITING 0/3; y NEW 0/3; a 97+3 10000\n"
     "a cancellist L | x CANCELED 0/3; y CANCELED 0/3; a 100 10000\n"
     "a cancellist L | ! UNKNOWN_LIST\n"
     "a oco M sell v STOP_LOSS 3 stop 90 / sell w LIMIT_MAKER 3 @ 110 | v WAITING 0/3; w NEW 0/3; a 97+3 10000\n"
     "a cancel w | v CANCELED 0/3; w CANCELED 0/3; a 100 10000\n"
     "a oco N sell p STOP_LOSS 3 stop 90 / sell q TAKE_PROFIT 3 stop 110 | p WAITING 0/3; q WAITING 0/3; a 97+3 10000\n"
     "a cancel p | p CANCELED 0/3; q CANCELED 0/3; a 100 10000\n"},
    {"OCO: self-trade prevention ends the limit leg",
     "a oco L sell x STOP_LOSS 3 stop 90 / sell y LIMIT_MAKER 3 @ 110 | x WAITING 0/3; y NEW 0/3; a 97+3 10000\n"
     "a buy t LIMIT IOC 2 @ 110 stp DECR | y NEW 0/3 -2; t EXPIRED_IN_MATCH 0/2 -2\n"
     "a buy u LIMIT IOC 2 @ 110 stp MAKER | x EXPIRED 0/3; y EXPIRED_IN_MATCH 0/3 -3; u EXPIRED 0/2; a 100 10000\n"},
    {"OCO: refused",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a oco L sell x STOP_LOSS 3 stop 101 / sell y LIMIT_MAKER 3 @ 110 | ! PAIR_PRICES\n"
     "a oco L sell x STOP_LOSS 3 stop 90 / sell y LIMIT_MAKER 3 @ 99 | ! PAIR_PRICES\n"
     "a oco L sell x STOP_LOSS 101 stop 90 / sell y LIMIT_MAKER 101 @ 110 | ! NO_FUNDS\n"},
    {"OCO: neither leg is amended",
     "~a oco L sell x STOP_LOSS_LIMIT GTC 3 @ 89 stop 90 / sell y LIMIT_MAKER 3 @ 110 | x WAITING 0/3; y NEW 0/3; a 97+3 10000\n"
     "a amend y 2 z | ! NO_AMEND\n"
     "a amend x 2 z | ! NO_AMEND\n"
     "a cancelall | x CANCELED 0/3; y CANCELED 0/3; a 100 10000\n"},
    /* ---- OTO ---- */
    {"OTO: the working order is filled in parts, the pending one is placed",
     "a oto L buy x LIMIT GTC 5 @ 100 / sell y LIMIT GTC 4 @ 110 | x NEW 0/5; y PENDING 0/4; a 100 9500+500\n"
     "b sell t LIMIT IOC 2 @ 100 | x PARTIAL 2/5; t FILLED 2/2; a 101.98 9500+300; b 98 10196\n"
     "b sell u LIMIT IOC 3 @ 100 | x FILLED 5/5; y NEW 0/4; u FILLED 3/3; a 100.95+4 9500; b 95 10490\n"
     "b buy v LIMIT IOC 4 @ 110 | y FILLED 4/4; v FILLED 4/4; a 100.95 9935.6; b 98.92 10050\n"},
    {"OTO: the working order is filled at once",
     "b sell m LIMIT GTC 5 @ 100 | m NEW 0/5; b 95+5 10000\n"
     "a oto L buy x LIMIT GTC 5 @ 100 / sell y STOP_LOSS 4 stop 90 | m FILLED 5/5; x FILLED 5/5; y WAITING 0/4; a 100.9+4 9500; b 95 10495\n"
     "a cancel y | y CANCELED 0/4; a 104.9 9500\n"},
    {"OTO: the pending order is a taker",
     "b buy k LIMIT GTC 4 @ 90 | k NEW 0/4; b 100 9640+360\n"
     "a oto L buy x LIMIT GTC 5 @ 100 / sell y MARKET 4 | x NEW 0/5; y PENDING 0/4; a 100 9500+500\n"
     "b sell t LIMIT IOC 5 @ 100 | k FILLED 4/4; x FILLED 5/5; y FILLED 4/4; t FILLED 5/5; a 100.95 9852.8; b 98.96 10130\n"},
    {"OTO: cancelled by the working order, by the pending one, as a list",
     "a oto L buy x LIMIT GTC 5 @ 100 / sell y LIMIT GTC 4 @ 110 | x NEW 0/5; y PENDING 0/4; a 100 9500+500\n"
     "b sell t LIMIT IOC 2 @ 100 | x PARTIAL 2/5; t FILLED 2/2; a 101.98 9500+300; b 98 10196\n"
     "a cancel x | x CANCELED 2/5; y CANCELED 0/4; a 101.98 9800\n"
     "a oto M buy v LIMIT GTC 5 @ 100 / sell w LIMIT GTC 4 @ 110 | v NEW 0/5; w PENDING 0/4; a 101.98 9300+500\n"
     "a cancel w | v CANCELED 0/5; w CANCELED 0/4; a 101.98 9800\n"
     "a oto N buy p LIMIT_MAKER 5 @ 100 / sell q LIMIT GTC 4 @ 110 | p NEW 0/5; q PENDING 0/4; a 101.98 9300+500\n"
     "a cancellist N | p CANCELED 0/5; q CANCELED 0/4; a 101.98 9800\n"},
    {"OTO: the working order expires, the pending one with it",
     "a oto L buy x LIMIT IOC 5 @ 100 / sell y LIMIT GTC 4 @ 110 | x EXPIRED 0/5; y EXPIRED 0/4\n"
     "b sell m LIMIT GTC 2 @ 100 | m NEW 0/2; b 98+2 10000\n"
     "a oto M buy v LIMIT IOC 5 @ 100 / sell w LIMIT GTC 4 @ 110 | m FILLED 2/2; v EXPIRED 2/5; w EXPIRED 0/4; a 101.96 9800; b 98 10198\n"
     "a oto N buy p LIMIT GTC 5 @ 100 / sell q LIMIT GTC 4 @ 110 stp BOTH | p NEW 0/5; q PENDING 0/4; a 101.96 9300+500\n"
     "a sell t LIMIT GTC 1 @ 100 stp BOTH | p EXPIRED_IN_MATCH 0/5 -5; q EXPIRED 0/4; t EXPIRED_IN_MATCH 0/1 -1; a 101.96 9800\n"},
    {"OTO: the pending order cannot be placed",
     "a oto L buy x LIMIT GTC 5 @ 100 / buy y LIMIT GTC 99 @ 100 | x NEW 0/5; y PENDING 0/99; a 100 9500+500\n"
     "b sell t LIMIT IOC 5 @ 100 | x FILLED 5/5; y EXPIRED 0/99; t FILLED 5/5; a 104.95 9500; b 95 10490\n"
     "b sell m LIMIT GTC 1 @ 90 | m NEW 0/1; b 94+1 10490\n"
     "a oto M sell v LIMIT_MAKER 2 @ 100 / buy w LIMIT_MAKER 1 @ 95 | v NEW 0/2; w PENDING 0/1; a 102.95+2 9500\n"
     "b buy u LIMIT IOC 3 @ 100 | m FILLED 1/1; v FILLED 2/2; w NEW 0/1; u FILLED 3/3; a 102.95 9603+95; b 96.94 10289.1\n"
     "a cancel w | w CANCELED 0/1; a 102.95 9698\n"},
    /* ---- OTOCO ---- */
    {"OTOCO: the working order is filled, the limit leg trades",
     "a otoco L buy x LIMIT GTC 5 @ 100 / sell y STOP_LOSS 4 stop 90 / sell z LIMIT_MAKER 4 @ 110 | x NEW 0/5; y PENDING 0/4; z PENDING 0/4; a 100 9500+500\n"
     "b sell t LIMIT IOC 5 @ 100 | x FILLED 5/5; y WAITING 0/4; z NEW 0/4; t FILLED 5/5; a 100.95+4 9500; b 95 10490\n"
     "b buy u LIMIT IOC 4 @ 110 | y EXPIRED 0/4; z FILLED 4/4; u FILLED 4/4; a 100.95 9935.6; b 98.92 10050\n"},
    {"OTOCO: cancelled before and behind its second phase",
     "a otoco L buy x LIMIT GTC 5 @ 100 / sell y STOP_LOSS 4 stop 90 / sell z LIMIT_MAKER 4 @ 110 | x NEW 0/5; y PENDING 0/4; z PENDING 0/4; a 100 9500+500\n"
     "a cancel z | x CANCELED 0/5; y CANCELED 0/4; z CANCELED 0/4; a 100 10000\n"
     "a otoco M buy u LIMIT GTC 5 @ 100 / sell v STOP_LOSS 4 stop 90 / sell w TAKE_PROFIT 4 stop 110 | u NEW 0/5; v PENDING 0/4; w PENDING 0/4; a 100 9500+500\n"
     "b sell t LIMIT IOC 5 @ 100 | u FILLED 5/5; v WAITING 0/4; w WAITING 0/4; t FILLED 5/5; a 100.95+4 9500; b 95 10490\n"
     "a cancellist M | v CANCELED 0/4; w CANCELED 0/4; a 104.95 9500\n"},
    {"OTOCO: the pair cannot be placed",
     "a otoco L buy x LIMIT GTC 5 @ 100 / sell y STOP_LOSS 4 stop 105 / sell z LIMIT_MAKER 4 @ 110 | x NEW 0/5; y PENDING 0/4; z PENDING 0/4; a 100 9500+500\n"
     "b sell t LIMIT IOC 5 @ 100 | x FILLED 5/5; y EXPIRED 0/4; z EXPIRED 0/4; t FILLED 5/5; a 104.95 9500; b 95 10490\n"},
    /* ---- many at once ---- */
    {"Lists: all cancelled",
     "~a oco L sell x STOP_LOSS 3 stop 90 / sell y LIMIT_MAKER 3 @ 110 | x WAITING 0/3; y NEW 0/3; a 97+3 10000\n"
     "a oto M buy v LIMIT GTC 5 @ 80 / sell w LIMIT GTC 4 @ 110 | v NEW 0/5; w PENDING 0/4; a 97+3 9600+400\n"
     "a otoco N buy p LIMIT GTC 5 @ 80 / sell q STOP_LOSS 4 stop 70 / sell r LIMIT_MAKER 4 @ 110 | p NEW 0/5; q PENDING 0/4; r PENDING 0/4; a 97+3 9200+800\n"
     "a cancelall | x CANCELED 0/3; y CANCELED 0/3; v CANCELED 0/5; w CANCELED 0/4; p CANCELED 0/5; q CANCELED 0/4; r CANCELED 0/4; a 100 10000\n"},
    {"Lists: delisted",
     "~a oco L sell x STOP_LOSS 3 stop 90 / sell y LIMIT_MAKER 3 @ 110 | x WAITING 0/3; y NEW 0/3; a 97+3 10000\n"
     "b oto M buy v LIMIT GTC 5 @ 80 / sell w LIMIT GTC 4 @ 110 | v NEW 0/5; w PENDING 0/4; b 100 9600+400\n"
     "b otoco N buy p LIMIT GTC 5 @ 80 / sell q STOP_LOSS 4 stop 70 / sell r LIMIT_MAKER 4 @ 110 | p NEW 0/5; q PENDING 0/4; r PENDING 0/4; b 100 9200+800\n"
     "op delist | x EXPIRED 0/3; y EXPIRED 0/3; v EXPIRED 0/5; w EXPIRED 0/4; p EXPIRED 0/5; q EXPIRED 0/4; r EXPIRED 0/4; a 100 10000; b 100 10000\n"},
    {NULL, NULL},
};
