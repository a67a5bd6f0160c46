#include "tests/sim/life_cycles.h"

#include <stddef.h>

/* clang-format off */
const struct script order_scripts[] = {
    /* ---- LIMIT ---- */
    {"LIMIT GTC: rests, trades in parts, is filled",
     "a buy x LIMIT GTC 10 @ 100 | x NEW 0/10; a 100 9000+1000\n"
     "b sell y LIMIT IOC 4 @ 100 | x PARTIAL 4/10; y FILLED 4/4; a 103.96 9000+600; b 96 10392\n"
     "b sell z LIMIT IOC 9 @ 100 | x FILLED 10/10; z EXPIRED 6/9; a 109.9 9000; b 90 10980\n"},
    {"LIMIT GTC: takes at a better price, whole",
     "b sell m LIMIT GTC 5 @ 90 | m NEW 0/5; b 95+5 10000\n"
     "a buy x LIMIT GTC 5 @ 100 | m FILLED 5/5; x FILLED 5/5; a 104.9 9550; b 95 10445.5\n"},
    {"LIMIT GTC: takes from many, slice after slice, and the rest rests until it is cancelled",
     "b sell m1 LIMIT GTC 1 @ 90 | m1 NEW 0/1; b 99+1 10000\n"
     "b sell m2 LIMIT GTC 2 @ 91 | m2 NEW 0/2; b 97+3 10000\n"
     "b sell m3 LIMIT GTC 3 @ 92 | m3 NEW 0/3; b 94+6 10000\n"
     "a buy x LIMIT GTC 9 @ 95 | m1 FILLED 1/1; m2 FILLED 2/2; m3 FILLED 3/3; x PARTIAL 6/9; a 105.88 9167+285; b 94 10542.52\n"
     "a cancel x | x CANCELED 6/9; a 105.88 9452\n"},
    {"LIMIT GTC: rests and is cancelled, once",
     "b sell x LIMIT GTC 7 @ 100 | x NEW 0/7; b 93+7 10000\n"
     "b cancel x | x CANCELED 0/7; b 100 10000\n"
     "b cancel x | ! UNKNOWN_ORDER\n"},
    {"LIMIT GTC: cancelled only in the state that the cancel asks for",
     "b sell x LIMIT GTC 7 @ 100 | x NEW 0/7; b 93+7 10000\n"
     "b cancel x PARTIAL | ! RESTRICTED\n"
     "a buy t LIMIT IOC 2 @ 100 | x PARTIAL 2/7; t FILLED 2/2; a 101.96 9800; b 93+5 10198\n"
     "b cancel x NEW | ! RESTRICTED\n"
     "b cancel x PARTIAL | x CANCELED 2/7; b 98 10198\n"},
    {"LIMIT IOC: finds nobody, a part, all",
     "a buy x LIMIT IOC 5 @ 100 | x EXPIRED 0/5\n"
     "b sell m LIMIT GTC 5 @ 100 | m NEW 0/5; b 95+5 10000\n"
     "a buy y LIMIT IOC 2 @ 99 | y EXPIRED 0/2\n"
     "a buy z LIMIT IOC 3 @ 100 | m PARTIAL 3/5; z FILLED 3/3; a 102.94 9700; b 95+2 10297\n"
     "a buy v LIMIT IOC 3 @ 101 | m FILLED 5/5; v EXPIRED 2/3; a 104.9 9500; b 95 10495\n"},
    {"LIMIT FOK: cannot fill, fills",
     "b sell m LIMIT GTC 5 @ 100 | m NEW 0/5; b 95+5 10000\n"
     "b sell n LIMIT GTC 5 @ 102 | n NEW 0/5; b 90+10 10000\n"
     "a buy x LIMIT FOK 6 @ 101 | x EXPIRED 0/6\n"
     "a buy y LIMIT FOK 6 @ 102 | m FILLED 5/5; n PARTIAL 1/5; y FILLED 6/6; a 105.88 9398; b 90+4 10595.98\n"
     "b cancel n | n CANCELED 1/5; b 94 10595.98\n"},
    /* ---- MARKET ---- */
    {"MARKET by quantity, a buy: nobody, a part, all",
     "a buy x MARKET 3 | x EXPIRED 0/3\n"
     "b sell m LIMIT GTC 5 @ 100 | m NEW 0/5; b 95+5 10000\n"
     "a buy y MARKET 3 | m PARTIAL 3/5; y FILLED 3/3; a 102.94 9700; b 95+2 10297\n"
     "a buy z MARKET 3 | m FILLED 5/5; z EXPIRED 2/3; a 104.9 9500; b 95 10495\n"
     "a buy v MARKET 3 | v EXPIRED 0/3\n"},
    {"MARKET by quantity, a buy: its hold ends before its quantity",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "b sell n LIMIT GTC 5 @ 150 | n NEW 0/5; b 94+6 10000\n"
     "a buy x MARKET 4 | m FILLED 1/1; n PARTIAL 2/5; x EXPIRED 3/4; a 102.94 9600; b 94+3 10396\n"
     "b cancel n | n CANCELED 2/5; b 97 10396\n"},
    {"MARKET by quantity, a buy that held all: refused when that does not reach",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "b sell n LIMIT GTC 99 @ 110 | n NEW 0/99; b 0+100 10000\n"
     "a buy x MARKET 99 | ! NO_FUNDS\n"
     "b cancel m | m CANCELED 0/1; b 1+99 10000\n"
     "b cancel n | n CANCELED 0/99; b 100 10000\n"},
    {"MARKET by quantity, a sale: nobody, all, a part",
     "a sell x MARKET 3 | x EXPIRED 0/3\n"
     "b buy m LIMIT GTC 5 @ 100 | m NEW 0/5; b 100 9500+500\n"
     "a sell y MARKET 3 | m PARTIAL 3/5; y FILLED 3/3; a 97 10294; b 102.97 9500+200\n"
     "a sell z MARKET 3 | m FILLED 5/5; z EXPIRED 2/3; a 95 10490; b 104.95 9500\n"},
    {"MARKET by quote amount, a buy: nobody, all but what buys no step, a part",
     "a buy x MARKET 0 quote 500 | x EXPIRED 0/0\n"
     "b sell m LIMIT GTC 2 @ 100 | m NEW 0/2; b 98+2 10000\n"
     "b sell n LIMIT GTC 4 @ 110 | n NEW 0/4; b 94+6 10000\n"
     "a buy y MARKET 0 quote 450 | m FILLED 2/2; n PARTIAL 2/4; y FILLED 4/4; a 103.92 9580; b 94+2 10415.8\n"
     "a buy z MARKET 0 quote 450 | n FILLED 4/4; z EXPIRED 2/2; a 105.88 9360; b 94 10633.6\n"},
    {"MARKET by quote amount, a sale: nobody, all, a part",
     "a sell x MARKET 0 quote 500 | x EXPIRED 0/0\n"
     "b buy m LIMIT GTC 9 @ 100 | m NEW 0/9; b 100 9100+900\n"
     "a sell y MARKET 0 quote 450 | m PARTIAL 4/9; y FILLED 4/4; a 96 10392; b 103.96 9100+500\n"
     "a sell z MARKET 0 quote 700 | m FILLED 9/9; z EXPIRED 5/5; a 91 10882; b 108.91 9100\n"},
    {"MARKET: takes from many, slice after slice",
     "b sell m1 LIMIT GTC 1 @ 90 | m1 NEW 0/1; b 99+1 10000\n"
     "b sell m2 LIMIT GTC 2 @ 91 | m2 NEW 0/2; b 97+3 10000\n"
     "b sell m3 LIMIT GTC 3 @ 92 | m3 NEW 0/3; b 94+6 10000\n"
     "b sell m4 LIMIT GTC 3 @ 92 | m4 NEW 0/3; b 91+9 10000\n"
     "a buy x MARKET 8 | m1 FILLED 1/1; m2 FILLED 2/2; m3 FILLED 3/3; m4 PARTIAL 2/3; x FILLED 8/8; a 107.84 9268; b 91+1 10724.68\n"
     "b cancelall | m4 CANCELED 2/3; b 92 10724.68\n"},
    /* ---- LIMIT_MAKER ---- */
    {"LIMIT_MAKER: would match, rests, is filled",
     "b sell m LIMIT GTC 5 @ 100 | m NEW 0/5; b 95+5 10000\n"
     "a buy x LIMIT_MAKER 5 @ 100 | ! WOULD_MATCH\n"
     "a buy y LIMIT_MAKER 5 @ 99 | y NEW 0/5; a 100 9505+495\n"
     "b sell t LIMIT IOC 2 @ 99 | y PARTIAL 2/5; t FILLED 2/2; a 101.98 9505+297; b 93+5 10194.04\n"
     "b sell u LIMIT IOC 3 @ 99 | y FILLED 5/5; u FILLED 3/3; a 104.95 9505; b 90+5 10485.1\n"
     "b cancel m | m CANCELED 0/5; b 95 10485.1\n"},
    {"LIMIT_MAKER: rests and is cancelled",
     "b sell x LIMIT_MAKER 5 @ 100 | x NEW 0/5; b 95+5 10000\n"
     "b cancel x | x CANCELED 0/5; b 100 10000\n"},
    /* ---- STOP_LOSS, TAKE_PROFIT ---- */
    {"STOP_LOSS: waits, fires, is filled",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "b buy k LIMIT GTC 9 @ 95 | k NEW 0/9; b 99 9244+855\n"
     "a sell x STOP_LOSS 3 stop 95 | x WAITING 0/3; a 97.98+3 9900\n"
     "a sell t LIMIT GTC 1 @ 95 | k PARTIAL 4/9; x FILLED 3/3; t FILLED 1/1; a 96.98 10272.4; b 102.96 9244+475\n"
     "b cancel k | k CANCELED 4/9; b 102.96 9719\n"},
    {"STOP_LOSS: waits and is cancelled",
     "a sell x STOP_LOSS 3 stop 95 | x WAITING 0/3; a 97+3 10000\n"
     "a cancel x NEW | x CANCELED 0/3; a 100 10000\n"
     "a buy y STOP_LOSS 3 stop 105 | y WAITING 0/3; a 100 9669.25+330.75\n"
     "a cancel y | y CANCELED 0/3; a 100 10000\n"},
    {"STOP_LOSS: fires and finds nobody",
     "b buy k LIMIT GTC 1 @ 95 | k NEW 0/1; b 100 9905+95\n"
     "a sell x STOP_LOSS 3 stop 95 | x WAITING 0/3; a 97+3 10000\n"
     "a sell t LIMIT GTC 1 @ 95 | k FILLED 1/1; x EXPIRED 0/3; t FILLED 1/1; a 99 10093.1; b 100.99 9905\n"},
    {"STOP_LOSS: fires and finds a part",
     "b buy k LIMIT GTC 3 @ 95 | k NEW 0/3; b 100 9715+285\n"
     "a sell x STOP_LOSS 3 stop 95 | x WAITING 0/3; a 97+3 10000\n"
     "a sell t LIMIT GTC 1 @ 95 | k FILLED 3/3; x EXPIRED 2/3; t FILLED 1/1; a 97 10279.3; b 102.97 9715\n"},
    {"STOP_LOSS to buy: its hold is spent as far as it goes",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a buy x STOP_LOSS 5 stop 105 | x WAITING 0/5; a 100.98 9348.75+551.25\n"
     "b sell k LIMIT GTC 1 @ 105 | k NEW 0/1; b 98+1 10099\n"
     "b sell l LIMIT GTC 9 @ 140 | l NEW 0/9; b 89+10 10099\n"
     "b buy t LIMIT IOC 1 @ 105 | x EXPIRED 3/5; k FILLED 1/1; l PARTIAL 3/9; t FILLED 1/1; a 103.92 9480; b 89.98+6 10513.75\n"
     "b cancel l | l CANCELED 3/9; b 95.98 10513.75\n"},
    {"STOP_LOSS: would fire at once",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a sell x STOP_LOSS 3 stop 100 | ! WOULD_TRIGGER\n"
     "a buy y STOP_LOSS 3 stop 99 | ! WOULD_TRIGGER\n"},
    {"STOP_LOSS that trails: follows the price, fires",
     "b sell m LIMIT GTC 1 @ 1000 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 1000 | m FILLED 1/1; n FILLED 1/1; a 100.98 9000; b 99 10990\n"
     "a sell x STOP_LOSS 2 trail 500 | x WAITING 0/2; a 98.98+2 9000\n"
     "b sell o LIMIT GTC 1 @ 1100 | o NEW 0/1; b 98+1 10990\n"
     "a buy p LIMIT GTC 1 @ 1100 | o FILLED 1/1; p FILLED 1/1; a 99.96+2 7900; b 98 12079\n"
     "b buy k LIMIT GTC 4 @ 1045 | k NEW 0/4; b 98 7899+4180\n"
     "a sell t LIMIT GTC 1 @ 1045 | x FILLED 2/2; k PARTIAL 3/4; t FILLED 1/1; a 98.96 10972.3; b 100.97 7899+1045\n"
     "b cancel k | k CANCELED 3/4; b 100.97 8944\n"},
    {"STOP_LOSS that trails from its stop on: met, follows, fires",
     "b sell m LIMIT GTC 1 @ 1000 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 1000 | m FILLED 1/1; n FILLED 1/1; a 100.98 9000; b 99 10990\n"
     "a sell x STOP_LOSS 2 stop 990 trail 500 | x WAITING 0/2; a 98.98+2 9000\n"
     "b buy k LIMIT GTC 2 @ 980 | k NEW 0/2; b 99 9030+1960\n"
     "a sell s LIMIT GTC 1 @ 980 | k PARTIAL 1/2; s FILLED 1/1; a 97.98+2 9960.4; b 99.99 9030+980\n"
     "a sell t LIMIT GTC 1 @ 980 | k FILLED 2/2; t FILLED 1/1; a 96.98+2 10920.8; b 100.98 9030\n"
     "b buy l LIMIT GTC 3 @ 930 | l NEW 0/3; b 100.98 6240+2790\n"
     "a sell u LIMIT GTC 1 @ 930 | x FILLED 2/2; l FILLED 3/3; u FILLED 1/1; a 95.98 13655; b 103.95 6240\n"},
    {"STOP_LOSS that trails: cancelled while it follows",
     "b sell m LIMIT GTC 1 @ 1000 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 1000 | m FILLED 1/1; n FILLED 1/1; a 100.98 9000; b 99 10990\n"
     "a buy x STOP_LOSS 2 trail 500 | x WAITING 0/2; a 100.98 6795+2205\n"
     "a cancel x | x CANCELED 0/2; a 100.98 9000\n"},
    {"TAKE_PROFIT: waits, fires, is filled",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a sell x TAKE_PROFIT 3 stop 110 | x WAITING 0/3; a 97.98+3 9900\n"
     "b sell o LIMIT GTC 1 @ 110 | o NEW 0/1; b 98+1 10099\n"
     "b buy k LIMIT GTC 3 @ 108 | k NEW 0/3; b 98+1 9775+324\n"
     "a buy p LIMIT GTC 1 @ 110 | x FILLED 3/3; o FILLED 1/1; k FILLED 3/3; p FILLED 1/1; a 98.96 10107.52; b 100.97 9883.9\n"},
    {"TAKE_PROFIT to buy: fires, finds a part",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a buy x TAKE_PROFIT 3 stop 90 | x WAITING 0/3; a 100.98 9616.5+283.5\n"
     "b buy k LIMIT GTC 1 @ 90 | k NEW 0/1; b 99 10009+90\n"
     "b sell l LIMIT GTC 2 @ 91 | l NEW 0/2; b 97+2 10009+90\n"
     "a sell t LIMIT GTC 1 @ 90 | x EXPIRED 2/3; k FILLED 1/1; l FILLED 2/2; t FILLED 1/1; a 101.94 9806.2; b 97.99 10189.18\n"},
    {"TAKE_PROFIT that trails: follows, fires, is cancelled",
     "b sell m LIMIT GTC 1 @ 1000 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 1000 | m FILLED 1/1; n FILLED 1/1; a 100.98 9000; b 99 10990\n"
     "a buy x TAKE_PROFIT 2 trail 500 | x WAITING 0/2; a 100.98 6795+2205\n"
     "a buy y TAKE_PROFIT 2 stop 900 trail 500 | y WAITING 0/2; a 100.98 4810.5+4189.5\n"
     "b buy k LIMIT GTC 1 @ 950 | k NEW 0/1; b 99 10040+950\n"
     "a sell t LIMIT GTC 1 @ 950 | k FILLED 1/1; t FILLED 1/1; a 99.98 5741.5+4189.5; b 99.99 10040\n"
     "b sell l LIMIT GTC 3 @ 1000 | l NEW 0/3; b 96.99+3 10040\n"
     "b buy u LIMIT IOC 1 @ 1000 | x FILLED 2/2; l FILLED 3/3; u FILLED 1/1; a 101.94 5946.5+1984.5; b 97.97 12010\n"
     "a cancel y | y CANCELED 0/2; a 101.94 7931\n"},
    /* ---- STOP_LOSS_LIMIT, TAKE_PROFIT_LIMIT ---- */
    {"STOP_LOSS_LIMIT GTC: waits, fires, rests, is filled in parts",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a sell x STOP_LOSS_LIMIT GTC 5 @ 94 stop 95 | x WAITING 0/5; a 95.98+5 9900\n"
     "b buy k LIMIT GTC 1 @ 95 | k NEW 0/1; b 99 10004+95\n"
     "a sell t LIMIT GTC 1 @ 95 | x NEW 0/5; k FILLED 1/1; t FILLED 1/1; a 94.98+5 9993.1; b 99.99 10004\n"
     "b buy u LIMIT IOC 2 @ 94 | x PARTIAL 2/5; u FILLED 2/2; a 94.98+3 10179.22; b 101.95 9816\n"
     "b buy v LIMIT IOC 3 @ 94 | x FILLED 5/5; v FILLED 3/3; a 94.98 10458.4; b 104.89 9534\n"},
    {"STOP_LOSS_LIMIT GTC: fires and is the taker, its rest is cancelled",
     "b buy k LIMIT GTC 3 @ 95 | k NEW 0/3; b 100 9715+285\n"
     "a sell x STOP_LOSS_LIMIT GTC 5 @ 94 stop 95 | x WAITING 0/5; a 95+5 10000\n"
     "a sell t LIMIT GTC 1 @ 95 | k FILLED 3/3; x PARTIAL 2/5; t FILLED 1/1; a 94+3 10279.3; b 102.97 9715\n"
     "a cancel x PARTIAL | x CANCELED 2/5; a 97 10279.3\n"},
    {"STOP_LOSS_LIMIT GTC: cancelled before it fires, and behind that",
     "a buy x STOP_LOSS_LIMIT GTC 5 @ 110 stop 105 | x WAITING 0/5; a 100 9450+550\n"
     "a cancel x | x CANCELED 0/5; a 100 10000\n"
     "a buy y STOP_LOSS_LIMIT GTC 5 @ 104 stop 105 | y WAITING 0/5; a 100 9480+520\n"
     "b sell k LIMIT GTC 1 @ 105 | k NEW 0/1; b 99+1 10000\n"
     "b buy t LIMIT IOC 1 @ 105 | y NEW 0/5; k FILLED 1/1; t FILLED 1/1; b 99.98 9998.95\n"
     "a buy u LIMIT IOC 1 @ 105 | u EXPIRED 0/1\n"
     "a cancel y NEW | y CANCELED 0/5; a 100 10000\n"},
    {"STOP_LOSS_LIMIT IOC: fires and finds a part",
     "b buy k LIMIT GTC 3 @ 95 | k NEW 0/3; b 100 9715+285\n"
     "a sell x STOP_LOSS_LIMIT IOC 5 @ 94 stop 95 | x WAITING 0/5; a 95+5 10000\n"
     "a sell t LIMIT GTC 1 @ 95 | k FILLED 3/3; x EXPIRED 2/5; t FILLED 1/1; a 97 10279.3; b 102.97 9715\n"},
    {"STOP_LOSS_LIMIT FOK: fires, and fills or not",
     "b buy k LIMIT GTC 4 @ 95 | k NEW 0/4; b 100 9620+380\n"
     "a sell x STOP_LOSS_LIMIT FOK 5 @ 94 stop 95 | x WAITING 0/5; a 95+5 10000\n"
     "a sell y STOP_LOSS_LIMIT FOK 3 @ 94 stop 95 | y WAITING 0/3; a 92+8 10000\n"
     "a sell t LIMIT GTC 1 @ 95 | k FILLED 4/4; x EXPIRED 0/5; y FILLED 3/3; t FILLED 1/1; a 96 10372.4; b 103.96 9620\n"},
    {"STOP_LOSS_LIMIT that trails, and from its stop on",
     "b sell m LIMIT GTC 1 @ 1000 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 1000 | m FILLED 1/1; n FILLED 1/1; a 100.98 9000; b 99 10990\n"
     "a sell x STOP_LOSS_LIMIT GTC 2 @ 940 trail 500 | x WAITING 0/2; a 98.98+2 9000\n"
     "a sell y STOP_LOSS_LIMIT GTC 2 @ 900 stop 960 trail 100 | y WAITING 0/2; a 96.98+4 9000\n"
     "b buy k LIMIT GTC 4 @ 950 | k NEW 0/4; b 99 7190+3800\n"
     "a sell t LIMIT GTC 1 @ 950 | x FILLED 2/2; k PARTIAL 3/4; t FILLED 1/1; a 95.98+2 11793; b 101.97 7190+950\n"
     "b buy l LIMIT GTC 3 @ 940 | l NEW 0/3; b 101.97 4370+3770\n"
     "a sell u LIMIT GTC 2 @ 940 | y FILLED 2/2; k FILLED 4/4; l FILLED 3/3; u FILLED 2/2; a 93.98 15487.6; b 105.93 4370\n"
     "b cancelall | ! UNKNOWN_ORDER\n"},
    {"TAKE_PROFIT_LIMIT GTC: fires, rests, is cancelled",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a sell x TAKE_PROFIT_LIMIT GTC 5 @ 112 stop 110 | x WAITING 0/5; a 95.98+5 9900\n"
     "b sell o LIMIT GTC 1 @ 110 | o NEW 0/1; b 98+1 10099\n"
     "a buy p LIMIT GTC 1 @ 110 | x NEW 0/5; o FILLED 1/1; p FILLED 1/1; a 96.96+5 9790; b 98 10207.9\n"
     "a cancel x | x CANCELED 0/5; a 101.96 9790\n"},
    {"TAKE_PROFIT_LIMIT IOC and FOK: fire, expire",
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 100 | m FILLED 1/1; n FILLED 1/1; a 100.98 9900; b 99 10099\n"
     "a buy x TAKE_PROFIT_LIMIT IOC 2 @ 92 stop 90 | x WAITING 0/2; a 100.98 9716+184\n"
     "a buy y TAKE_PROFIT_LIMIT FOK 2 @ 92 stop 90 | y WAITING 0/2; a 100.98 9532+368\n"
     "b sell l LIMIT GTC 1 @ 92 | l NEW 0/1; b 98+1 10099\n"
     "b buy k LIMIT GTC 1 @ 90 | k NEW 0/1; b 98+1 10009+90\n"
     "a sell t LIMIT GTC 1 @ 90 | x EXPIRED 1/2; y EXPIRED 0/2; l FILLED 1/1; k FILLED 1/1; t FILLED 1/1; a 100.96 9896.2; b 98.99 10100.08\n"},
    {"TAKE_PROFIT_LIMIT that trails, and from its stop on",
     "b sell m LIMIT GTC 1 @ 1000 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 1000 | m FILLED 1/1; n FILLED 1/1; a 100.98 9000; b 99 10990\n"
     "a buy x TAKE_PROFIT_LIMIT GTC 2 @ 1010 trail 500 | x WAITING 0/2; a 100.98 6980+2020\n"
     "a buy y TAKE_PROFIT_LIMIT GTC 2 @ 1010 stop 960 trail 500 | y WAITING 0/2; a 100.98 4960+4040\n"
     "b buy k LIMIT GTC 1 @ 940 | k NEW 0/1; b 99 10050+940\n"
     "a sell t LIMIT GTC 1 @ 940 | k FILLED 1/1; t FILLED 1/1; a 99.98 5881.2+4040; b 99.99 10050\n"
     "b sell l LIMIT GTC 6 @ 987 | l NEW 0/6; b 93.99+6 10050\n"
     "b buy u LIMIT IOC 1 @ 987 | x FILLED 2/2; y FILLED 2/2; l PARTIAL 5/6; u FILLED 1/1; a 103.9 5973.2; b 94.97+1 13948.65\n"
     "b cancel l | l CANCELED 5/6; b 95.97 13948.65\n"},
    {"Stops: a cascade, in slices",
     "b buy k LIMIT GTC 9 @ 95 | k NEW 0/9; b 100 9145+855\n"
     "b buy l LIMIT GTC 9 @ 90 | l NEW 0/9; b 100 8335+1665\n"
     "a sell x STOP_LOSS 4 stop 95 | x WAITING 0/4; a 96+4 10000\n"
     "a sell y STOP_LOSS_LIMIT GTC 8 @ 90 stop 95 | y WAITING 0/8; a 88+12 10000\n"
     "a sell z STOP_LOSS 2 stop 90 | z WAITING 0/2; a 86+14 10000\n"
     "a buy v TAKE_PROFIT 1 stop 90 | v WAITING 0/1; a 86+14 9905.5+94.5\n"
     "a sell t LIMIT GTC 1 @ 95 | k FILLED 9/9; l PARTIAL 6/9; x FILLED 4/4; y FILLED 8/8; z FILLED 2/2; v EXPIRED 0/1; t FILLED 1/1; a 85 11367.1; b 114.85 8335+270\n"
     "b cancelall | l CANCELED 6/9; b 114.85 8605\n"},
    /* ---- icebergs ---- */
    {"LIMIT iceberg: shows a part at a time, is filled",
     "a buy x LIMIT GTC 10 @ 100 ice 3 | x NEW 0/10; a 100 9000+1000\n"
     "a buy w LIMIT GTC 1 @ 100 | w NEW 0/1; a 100 8900+1100\n"
     "b sell t LIMIT IOC 4 @ 100 | x PARTIAL 3/10; w FILLED 1/1; t FILLED 4/4; a 103.96 8900+700; b 96 10392\n"
     "b sell u LIMIT IOC 2 @ 100 | x PARTIAL 5/10; u FILLED 2/2; a 105.94 8900+500; b 94 10588\n"
     "b sell v LIMIT IOC 9 @ 100 | x FILLED 10/10; v EXPIRED 5/9; a 110.89 8900; b 89 11078\n"},
    {"LIMIT iceberg: takes, rests with the rest, is cancelled in part",
     "b sell m LIMIT GTC 2 @ 100 | m NEW 0/2; b 98+2 10000\n"
     "a buy x LIMIT GTC 10 @ 100 ice 3 | m FILLED 2/2; x PARTIAL 2/10; a 101.96 9000+800; b 98 10198\n"
     "b sell t LIMIT IOC 4 @ 100 | x PARTIAL 6/10; t FILLED 4/4; a 105.92 9000+400; b 94 10590\n"
     "a cancel x | x CANCELED 6/10; a 105.92 9400\n"},
    {"LIMIT_MAKER iceberg: a FOK meets what does not show",
     "b sell x LIMIT_MAKER 10 @ 100 ice 4 | x NEW 0/10; b 90+10 10000\n"
     "a buy t LIMIT FOK 11 @ 100 | t EXPIRED 0/11\n"
     "a buy u LIMIT FOK 9 @ 100 | x PARTIAL 9/10; u FILLED 9/9; a 108.82 9100; b 90+1 10891\n"
     "b cancel x | x CANCELED 9/10; b 91 10891\n"},
    {"LIMIT iceberg: amended, what does not show goes first",
     "a buy x LIMIT GTC 10 @ 100 ice 3 | x NEW 0/10; a 100 9000+1000\n"
     "a amend x 5 y | x gone; y NEW 0/5; a 100 9500+500\n"
     "a amend y 2 z | y gone; z NEW 0/2; a 100 9800+200\n"
     "b sell t LIMIT IOC 2 @ 100 | z FILLED 2/2; t FILLED 2/2; a 101.98 9800; b 98 10196\n"},
    {"STOP_LOSS_LIMIT iceberg: fires, rests as one, is filled",
     "b buy k LIMIT GTC 2 @ 95 | k NEW 0/2; b 100 9810+190\n"
     "a sell x STOP_LOSS_LIMIT GTC 6 @ 95 stop 95 ice 2 | x WAITING 0/6; a 94+6 10000\n"
     "a sell t LIMIT GTC 1 @ 95 | k FILLED 2/2; x PARTIAL 1/6; t FILLED 1/1; a 93+5 10186.2; b 101.98 9810\n"
     "b buy u LIMIT IOC 2 @ 95 | x PARTIAL 3/6; u FILLED 2/2; a 93+3 10374.3; b 103.94 9620\n"
     "b buy v LIMIT IOC 9 @ 95 | x FILLED 6/6; v EXPIRED 3/9; a 93 10656.45; b 106.88 9335\n"},
    /* ---- amended ---- */
    {"Amended: less, under another id and under its own, then filled",
     "a buy x LIMIT GTC 10 @ 100 | x NEW 0/10; a 100 9000+1000\n"
     "a amend x 8 y | x gone; y NEW 0/8; a 100 9200+800\n"
     "a amend y 6 y | y NEW 0/6; a 100 9400+600\n"
     "b sell t LIMIT IOC 2 @ 100 | y PARTIAL 2/6; t FILLED 2/2; a 101.98 9400+400; b 98 10196\n"
     "a amend y 3 x | x PARTIAL 2/3; y gone; a 101.98 9700+100\n"
     "b sell u LIMIT IOC 5 @ 100 | x FILLED 3/3; u EXPIRED 1/5; a 102.97 9700; b 97 10294\n"},
    {"Amended to what is executed: expires",
     "a buy x LIMIT GTC 10 @ 100 | x NEW 0/10; a 100 9000+1000\n"
     "b sell t LIMIT IOC 4 @ 100 | x PARTIAL 4/10; t FILLED 4/4; a 103.96 9000+600; b 96 10392\n"
     "a amend x 4 y | x gone; y EXPIRED 4/4; a 103.96 9600\n"},
    {"Amended to less than what is executed: expires",
     "b sell x LIMIT GTC 10 @ 100 | x NEW 0/10; b 90+10 10000\n"
     "a buy t LIMIT IOC 4 @ 100 | x PARTIAL 4/10; t FILLED 4/4; a 103.92 9600; b 90+6 10396\n"
     "b amend x 2 y | x gone; y EXPIRED 4/4; b 96 10396\n"},
    {"Amended: refused",
     "a amend x 4 y | ! UNKNOWN_ORDER\n"
     "a buy x LIMIT GTC 10 @ 100 | x NEW 0/10; a 100 9000+1000\n"
     "a amend x 11 y | ! QTY_INCREASE\n"
     "a amend x 10 y | ! NO_CHANGE\n"
     "a cancel x | x CANCELED 0/10; a 100 10000\n"
     "a amend x 4 y | ! UNKNOWN_ORDER\n"},
    {"Amended while it waits, then fires",
     "b buy k LIMIT GTC 4 @ 95 | k NEW 0/4; b 100 9620+380\n"
     "a sell x STOP_LOSS_LIMIT GTC 5 @ 94 stop 95 | x WAITING 0/5; a 95+5 10000\n"
     "a amend x 2 y | x gone; y WAITING 0/2; a 98+2 10000\n"
     "a sell z STOP_LOSS 5 stop 95 | z WAITING 0/5; a 93+7 10000\n"
     "a amend z 2 v | ! NO_AMEND\n"
     "a cancel z | z CANCELED 0/5; a 98+2 10000\n"
     "a sell t LIMIT GTC 1 @ 95 | k PARTIAL 3/4; y FILLED 2/2; t FILLED 1/1; a 97 10279.3; b 102.97 9620+95\n"
     "b cancel k | k CANCELED 3/4; b 102.97 9715\n"},
    /* ---- cancel and replace ---- */
    {"Replaced: by a limit order, which is replaced by one that takes",
     "a buy x LIMIT GTC 10 @ 100 | x NEW 0/10; a 100 9000+1000\n"
     "a replace x stop buy y LIMIT GTC 12 @ 110 | x CANCELED 0/10; y NEW 0/12; a 100 8680+1320\n"
     "b sell m LIMIT GTC 5 @ 120 | m NEW 0/5; b 95+5 10000\n"
     "a replace y stop buy z LIMIT IOC 5 @ 120 | y CANCELED 0/12; m FILLED 5/5; z FILLED 5/5; a 104.9 9400; b 95 10594\n"},
    {"Replaced in part: what is left of the hold pays",
     "a buy x LIMIT GTC 90 @ 100 | x NEW 0/90; a 100 1000+9000\n"
     "b sell t LIMIT IOC 40 @ 100 | x PARTIAL 40/90; t FILLED 40/40; a 139.6 1000+5000; b 60 13920\n"
     "a replace x stop buy y LIMIT GTC 58 @ 100 | x CANCELED 40/90; y NEW 0/58; a 139.6 200+5800\n"
     "a replace y stop buy z LIMIT GTC 49 @ 110 | y CANCELED 0/58; z NEW 0/49; a 139.6 610+5390\n"
     "a cancelall | z CANCELED 0/49; a 139.6 6000\n"},
    {"Replaced by a market order, by an order that waits, and that one",
     "a sell x LIMIT GTC 10 @ 100 | x NEW 0/10; a 90+10 10000\n"
     "a replace x stop sell y STOP_LOSS_LIMIT GTC 10 @ 90 stop 95 | x CANCELED 0/10; y WAITING 0/10\n"
     "a replace y stop sell z STOP_LOSS 5 stop 94 | y CANCELED 0/10; z WAITING 0/5; a 95+5 10000\n"
     "b buy k LIMIT GTC 3 @ 96 | k NEW 0/3; b 100 9712+288\n"
     "a replace z stop sell v MARKET 5 | z CANCELED 0/5; k FILLED 3/3; v EXPIRED 3/5; a 97 10282.24; b 102.97 9712\n"},
    {"Replaced: cancelled, and the new order is refused",
     "b sell m LIMIT GTC 5 @ 100 | m NEW 0/5; b 95+5 10000\n"
     "a buy x LIMIT GTC 10 @ 90 | x NEW 0/10; a 100 9100+900\n"
     "a replace x stop buy y LIMIT_MAKER 10 @ 100 | !new WOULD_MATCH; x CANCELED 0/10; a 100 10000\n"
     "a buy z LIMIT GTC 10 @ 90 | z NEW 0/10; a 100 9100+900\n"
     "a replace z stop buy v LIMIT GTC 200 @ 90 | !new NO_FUNDS; z CANCELED 0/10; a 100 10000\n"
     "b cancel m | m CANCELED 0/5; b 100 10000\n"},
    {"Replaced: the cancel fails, stop on failure",
     "a replace x stop buy y LIMIT GTC 10 @ 100 | !cancel UNKNOWN_ORDER\n"
     "a buy z LIMIT GTC 10 @ 90 | z NEW 0/10; a 100 9100+900\n"
     "a replace z stop only PARTIAL buy y LIMIT GTC 10 @ 100 | !cancel RESTRICTED; !new RESTRICTED\n"
     "a cancel z | z CANCELED 0/10; a 100 10000\n"},
    {"Replaced: the cancel fails, failure is allowed",
     "a replace x allow buy y LIMIT GTC 10 @ 100 | !cancel UNKNOWN_ORDER; y NEW 0/10; a 100 9000+1000\n"
     "a replace x allow buy z LIMIT GTC 200 @ 100 | !cancel UNKNOWN_ORDER; !new NO_FUNDS\n"
     "a replace y allow only PARTIAL buy v LIMIT GTC 10 @ 90 | !cancel RESTRICTED; v NEW 0/10; a 100 8100+1900\n"
     "a replace y allow buy w LIMIT GTC 5 @ 90 | y CANCELED 0/10; w NEW 0/5; a 100 8650+1350\n"
     "a cancelall | v CANCELED 0/10; w CANCELED 0/5; a 100 10000\n"},
    /* ---- self-trade prevention ---- */
    {"STP EXPIRE_TAKER: the taker ends, the maker stays",
     "a sell x LIMIT GTC 5 @ 100 | x NEW 0/5; a 95+5 10000\n"
     "b sell m LIMIT GTC 2 @ 99 | m NEW 0/2; b 98+2 10000\n"
     "a buy y LIMIT GTC 7 @ 100 stp TAKER | m FILLED 2/2; y EXPIRED_IN_MATCH 2/7 -5; a 96.96+5 9802; b 98 10196.02\n"
     "a cancel x | x CANCELED 0/5; a 101.96 9802\n"},
    {"STP EXPIRE_MAKER: the maker ends, the taker goes on, and rests",
     "a sell x LIMIT GTC 5 @ 100 | x NEW 0/5; a 95+5 10000\n"
     "b sell m LIMIT GTC 2 @ 101 | m NEW 0/2; b 98+2 10000\n"
     "a buy y LIMIT GTC 7 @ 101 stp MAKER | x EXPIRED_IN_MATCH 0/5 -5; m FILLED 2/2; y PARTIAL 2/7; a 101.96 9293+505; b 98 10199.98\n"
     "a cancel y | y CANCELED 2/7; a 101.96 9798\n"},
    {"STP EXPIRE_BOTH: both end, behind a fill",
     "a sell x LIMIT GTC 5 @ 100 | x NEW 0/5; a 95+5 10000\n"
     "b sell m LIMIT GTC 2 @ 99 | m NEW 0/2; b 98+2 10000\n"
     "a buy y LIMIT GTC 7 @ 100 stp BOTH | x EXPIRED_IN_MATCH 0/5 -5; m FILLED 2/2; y EXPIRED_IN_MATCH 2/7 -5; a 101.96 9802; b 98 10196.02\n"},
    {"STP DECREMENT: the taker is the smaller one",
     "a sell x LIMIT GTC 5 @ 100 | x NEW 0/5; a 95+5 10000\n"
     "a buy y LIMIT GTC 3 @ 100 stp DECR | x NEW 0/5 -3; y EXPIRED_IN_MATCH 0/3 -3; a 98+2 10000\n"
     "b buy t LIMIT IOC 2 @ 100 | x FILLED 2/5 -3; t FILLED 2/2; a 98 10198; b 101.96 9800\n"},
    {"STP DECREMENT: the maker is the smaller one, the taker goes on",
     "a sell x LIMIT GTC 5 @ 100 | x NEW 0/5; a 95+5 10000\n"
     "b sell m LIMIT GTC 2 @ 101 | m NEW 0/2; b 98+2 10000\n"
     "a buy y LIMIT GTC 9 @ 101 stp DECR | x EXPIRED_IN_MATCH 0/5 -5; m FILLED 2/2; y PARTIAL 2/9 -5; a 101.96 9596+202; b 98 10199.98\n"
     "b sell t LIMIT IOC 2 @ 101 | y FILLED 4/9 -5; t FILLED 2/2; a 103.94 9596; b 96 10397.94\n"},
    {"STP DECREMENT: an iceberg gives what it shows, and shows more",
     "a sell x LIMIT GTC 6 @ 100 ice 2 | x NEW 0/6; a 94+6 10000\n"
     "b sell m LIMIT GTC 1 @ 100 | m NEW 0/1; b 99+1 10000\n"
     "a buy y LIMIT IOC 5 @ 100 stp DECR | x NEW 0/6 -4; m FILLED 1/1; y EXPIRED_IN_MATCH 1/5 -4; a 98.98+2 9900; b 99 10099\n"
     "a cancel x | x CANCELED 0/6 -4; a 100.98 9900\n"},
    {"STP of market orders: by quantity and by quote amount",
     "a sell x LIMIT GTC 5 @ 100 | x NEW 0/5; a 95+5 10000\n"
     "b sell m LIMIT GTC 5 @ 101 | m NEW 0/5; b 95+5 10000\n"
     "a buy y MARKET 2 stp TAKER | y EXPIRED_IN_MATCH 0/2 -2\n"
     "a buy z MARKET 0 quote 250 stp DECR | x NEW 0/5 -2; z EXPIRED_IN_MATCH 0/0 -2; a 97+3 10000\n"
     "a buy v MARKET 2 stp MAKER | x EXPIRED_IN_MATCH 0/5 -5; m PARTIAL 2/5; v FILLED 2/2; a 101.96 9798; b 95+3 10199.98\n"
     "a buy w MARKET 0 quote 300 stp NONE | m PARTIAL 4/5; w FILLED 2/2; a 103.92 9596; b 95+1 10399.96\n"
     "b cancel m | m CANCELED 4/5; b 96 10399.96\n"},
    {"STP FOK: ends at its own order, passes it",
     "a sell x LIMIT GTC 2 @ 100 | x NEW 0/2; a 98+2 10000\n"
     "b sell m LIMIT GTC 3 @ 101 | m NEW 0/3; b 97+3 10000\n"
     "a buy y LIMIT FOK 3 @ 101 stp BOTH | y EXPIRED_IN_MATCH 0/3 -3\n"
     "a buy z LIMIT FOK 4 @ 101 stp MAKER | z EXPIRED 0/4\n"
     "a buy v LIMIT FOK 3 @ 101 stp MAKER | x EXPIRED_IN_MATCH 0/2 -2; m FILLED 3/3; v FILLED 3/3; a 102.94 9697; b 97 10299.97\n"},
    {"STP across accounts of a group; a stop that fires into it",
     "op group a 1 | \n"
     "op group b 1 | \n"
     "b buy k LIMIT GTC 5 @ 95 | k NEW 0/5; b 100 9525+475\n"
     "a sell x LIMIT GTC 2 @ 95 stp TAKER | x EXPIRED_IN_MATCH 0/2 -2\n"
     "a sell y STOP_LOSS 3 stop 95 stp BOTH | y WAITING 0/3; a 97+3 10000\n"
     "a sell t LIMIT GTC 1 @ 95 | k EXPIRED_IN_MATCH 1/5 -4; y EXPIRED_IN_MATCH 0/3 -3; t FILLED 1/1; a 99 10093.1; b 100.99 9905\n"
     "op group b 2 | \n"
     "b cancelall | ! UNKNOWN_ORDER\n"},
    {"NONE: trades with itself",
     "a sell x LIMIT GTC 5 @ 100 | x NEW 0/5; a 95+5 10000\n"
     "a buy y LIMIT GTC 3 @ 100 | x PARTIAL 3/5; y FILLED 3/3; a 97.94+2 9997\n"
     "a cancel x | x CANCELED 3/5; a 99.94 9997\n"},
    /* ---- many at once ---- */
    {"Cancelled all: what rests, hides, waits and follows",
     "a buy v LIMIT GTC 1 @ 100 | v NEW 0/1; a 100 9900+100\n"
     "a cancelall | v CANCELED 0/1; a 100 10000\n"
     "a cancelall | ! UNKNOWN_ORDER\n"
     "b sell m LIMIT GTC 1 @ 1000 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 1000 | m FILLED 1/1; n FILLED 1/1; a 100.98 9000; b 99 10990\n"
     "a buy x LIMIT GTC 2 @ 900 | x NEW 0/2; a 100.98 7200+1800\n"
     "a sell y LIMIT GTC 9 @ 1040 ice 3 | y NEW 0/9; a 91.98+9 7200+1800\n"
     "a sell z STOP_LOSS_LIMIT GTC 2 @ 900 stop 950 | z WAITING 0/2; a 89.98+11 7200+1800\n"
     "a buy w TAKE_PROFIT 2 trail 500 | w WAITING 0/2; a 89.98+11 4906.8+4093.2\n"
     "b buy u LIMIT IOC 2 @ 1040 | y PARTIAL 2/9; u FILLED 2/2; a 89.98+9 6966+4093.2; b 100.96 8910\n"
     "a cancelall | x CANCELED 0/2; y CANCELED 2/9; z CANCELED 0/2; w CANCELED 0/2; a 98.98 11059.2\n"},
    {"Delisted: what rests, hides, waits and follows, of both",
     "b sell m LIMIT GTC 1 @ 1000 | m NEW 0/1; b 99+1 10000\n"
     "a buy n LIMIT GTC 1 @ 1000 | m FILLED 1/1; n FILLED 1/1; a 100.98 9000; b 99 10990\n"
     "a buy x LIMIT GTC 2 @ 900 | x NEW 0/2; a 100.98 7200+1800\n"
     "a sell y LIMIT GTC 9 @ 1040 ice 3 | y NEW 0/9; a 91.98+9 7200+1800\n"
     "b sell z STOP_LOSS_LIMIT GTC 2 @ 900 stop 950 | z WAITING 0/2; b 97+2 10990\n"
     "b buy w STOP_LOSS 2 trail 500 | w WAITING 0/2; b 97+2 8696.8+2293.2\n"
     "b buy u LIMIT IOC 2 @ 1040 | y PARTIAL 2/9; u FILLED 2/2; a 91.98+7 9259.2+1800; b 98.96+2 6616.8+2293.2\n"
     "op delist | x EXPIRED 0/2; y EXPIRED 2/9; z EXPIRED 0/2; w EXPIRED 0/2; a 98.98 11059.2; b 100.96 8910\n"
     "a buy v LIMIT GTC 1 @ 1000 | ! MARKET_CLOSED\n"},
    {"Halted: nothing is taken, nothing ends; cancel only",
     "a buy x LIMIT GTC 2 @ 90 | x NEW 0/2; a 100 9820+180\n"
     "op status HALT | \n"
     "a buy y LIMIT GTC 2 @ 90 | ! MARKET_CLOSED\n"
     "a cancel x | ! MARKET_CLOSED\n"
     "a amend x 1 z | ! MARKET_CLOSED\n"
     "a replace x stop buy y LIMIT GTC 2 @ 91 | !cancel MARKET_CLOSED; !new MARKET_CLOSED\n"
     "op status CANCEL_ONLY | \n"
     "a buy y LIMIT GTC 2 @ 90 | ! MARKET_CLOSED\n"
     "a amend x 1 z | ! MARKET_CLOSED\n"
     "a cancel x | x CANCELED 0/2; a 100 10000\n"
     "op status TRADING | \n"
     "a buy y LIMIT GTC 2 @ 90 | y NEW 0/2; a 100 9820+180\n"
     "a cancel y | y CANCELED 0/2; a 100 10000\n"},
    /* ---- refused ---- */
    {"Refused: before anything is recorded",
     "a buy x LIMIT GTC 101 @ 100 | ! NO_FUNDS\n"
     "a sell x LIMIT GTC 101 @ 100 | ! NO_FUNDS\n"
     "a buy x LIMIT GTC 0.5 @ 100 | ! LOT_SIZE\n"
     "a buy x LIMIT GTC 1 @ 100.5 | ! PRICE_FILTER\n"
     "a buy x STOP_LOSS 1 trail 5000 stop 105 | ! TRAILING_DELTA\n"
     "a buy x LIMIT GTC 100 @ 100 ice 1 | ! ICEBERG_PARTS\n"
     "a buy x LIMIT FOK 10000 @ 1 | x EXPIRED 0/10000\n"
     "a buy y LIMIT GTC 1 @ 100 | y NEW 0/1; a 100 9900+100\n"
     "a sell y LIMIT GTC 1 @ 101 | ! DUPLICATE_ORDER\n"
     "b sell y LIMIT GTC 1 @ 101 | y NEW 0/1; b 99+1 10000\n"
     "a cancel y | y CANCELED 0/1; a 100 10000\n"
     "b cancel y | y CANCELED 0/1; b 100 10000\n"},
    {"Refused: more orders that wait than one may have",
     "a sell v STOP_LOSS 1 stop 91 | v WAITING 0/1; a 99+1 10000\n"
     "a sell w STOP_LOSS 1 stop 92 | w WAITING 0/1; a 98+2 10000\n"
     "a sell x STOP_LOSS_LIMIT 1 @ 90 stop 93 | x WAITING 0/1; a 97+3 10000\n"
     "a sell y STOP_LOSS 1 trail 100 | y WAITING 0/1; a 96+4 10000\n"
     "a sell z STOP_LOSS 1 stop 94 | z WAITING 0/1; a 95+5 10000\n"
     "a sell u STOP_LOSS 1 stop 95 | ! MAX_NUM_ALGO_ORDERS\n"
     "a cancelall | v CANCELED 0/1; w CANCELED 0/1; x CANCELED 0/1; y CANCELED 0/1; z CANCELED 0/1; a 100 10000\n"},
    /* ---- several asked at once ---- */
    {"At once: placed and cancelled",
     "a buy x LIMIT GTC 10 @ 100 & | x NEW 0/10; a 100 9000+1000\n"
     "a cancel x | x CANCELED 0/10; a 100 10000\n"},
    {"At once: placed by two, who trade",
     "a buy x LIMIT GTC 10 @ 100 & | x NEW 0/10; a 100 9000+1000\n"
     "b sell y LIMIT GTC 4 @ 100 & | x PARTIAL 4/10; y FILLED 4/4; a 103.96 9000+600; b 96 10392\n"
     "b sell z LIMIT IOC 9 @ 100 | x FILLED 10/10; z EXPIRED 6/9; a 109.9 9000; b 90 10980\n"},
    {"At once: amended and filled",
     "a buy x LIMIT GTC 10 @ 100 | x NEW 0/10; a 100 9000+1000\n"
     "a amend x 8 y & | x gone; y NEW 0/8; a 100 9200+800\n"
     "b sell t LIMIT IOC 9 @ 100 | y FILLED 8/8; t EXPIRED 8/9; a 107.92 9200; b 92 10784\n"},
    {"At once: filled and amended, to no more than that",
     "a buy x LIMIT GTC 10 @ 100 | x NEW 0/10; a 100 9000+1000\n"
     "b sell t LIMIT IOC 9 @ 100 & | x PARTIAL 9/10; t FILLED 9/9; a 108.91 9000+100; b 91 10882\n"
     "a amend x 8 y | x gone; y EXPIRED 9/9; a 108.91 9100\n"},
    {"At once: cancelled and met, met and cancelled",
     "a buy x LIMIT GTC 10 @ 100 | x NEW 0/10; a 100 9000+1000\n"
     "a cancel x & | x CANCELED 0/10; a 100 10000\n"
     "b sell t LIMIT IOC 4 @ 100 | t EXPIRED 0/4\n"
     "a buy y LIMIT GTC 10 @ 100 | y NEW 0/10; a 100 9000+1000\n"
     "b sell u LIMIT IOC 4 @ 100 & | y PARTIAL 4/10; u FILLED 4/4; a 103.96 9000+600; b 96 10392\n"
     "a cancel y | y CANCELED 4/10; a 103.96 9600\n"},
    {"At once: a chain of replaces",
     "a buy x LIMIT GTC 10 @ 100 | x NEW 0/10; a 100 9000+1000\n"
     "a replace x stop buy y LIMIT GTC 12 @ 110 & | x CANCELED 0/10; y NEW 0/12; a 100 8680+1320\n"
     "a replace y stop buy z LIMIT GTC 5 @ 90 & | y CANCELED 0/12; z NEW 0/5; a 100 9550+450\n"
     "b sell t LIMIT IOC 5 @ 90 | z FILLED 5/5; t FILLED 5/5; a 104.95 9550; b 95 10441\n"},
    {"At once: replaced while it trades",
     "a buy x LIMIT GTC 90 @ 100 | x NEW 0/90; a 100 1000+9000\n"
     "b sell t LIMIT IOC 40 @ 100 & | x PARTIAL 40/90; t FILLED 40/40; a 139.6 1000+5000; b 60 13920\n"
     "a replace x stop buy y LIMIT GTC 50 @ 100 & | x CANCELED 40/90; y NEW 0/50\n"
     "b sell u LIMIT IOC 10 @ 100 | y PARTIAL 10/50; u FILLED 10/10; a 149.5 1000+4000; b 50 14900\n"
     "a cancel y | y CANCELED 10/50; a 149.5 5000\n"},
    {"At once: a stop that fires and is cancelled",
     "b buy k LIMIT GTC 1 @ 95 | k NEW 0/1; b 100 9905+95\n"
     "a sell x STOP_LOSS_LIMIT GTC 5 @ 94 stop 95 | x WAITING 0/5; a 95+5 10000\n"
     "a sell t LIMIT GTC 1 @ 95 & | k FILLED 1/1; x NEW 0/5; t FILLED 1/1; a 94+5 10093.1; b 100.99 9905\n"
     "a cancel x | x CANCELED 0/5; a 99 10093.1\n"},
    {"At once: both delisted and traded",
     "b sell m LIMIT GTC 9 @ 100 | m NEW 0/9; b 91+9 10000\n"
     "a buy t LIMIT IOC 4 @ 100 & | m PARTIAL 4/9; t FILLED 4/4; a 103.92 9600; b 91+5 10396\n"
     "op delist | m EXPIRED 4/9; b 96 10396\n"},
    {NULL, NULL},
};
