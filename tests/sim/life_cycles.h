/* life_cycles.h - the lives of orders as tables of steps: what is asked, and what is seen once all
 * that it caused has come to rest.
 *
 * Script:  a line a step, `who asks what | what is seen`. Alice (a) and Bob (b) have 100 of the
 *          base asset and 10000 of the quote asset each; tick and step are 1; makers pay 1 %,
 *          takers 2 % of what they receive. At the end nothing may be locked, no order open.
 *
 *   a ORDER               ORDER: buy|sell ID TYPE [GTC|IOC|FOK] QTY [@ PRICE] [quote Q] [stop P]
 *                         [trail BIPS] [ice QTY] [stp TAKER|MAKER|BOTH|DECR]; QTY 0: by quote
 *   a replace ID stop|allow [only NEW|PARTIAL] ORDER    cancel and replace
 *   a amend ID QTY ID     a smaller quantity, in its place, under the second id
 *   a cancel ID [NEW|PARTIAL]
 *   a cancelall
 *   a oco LIST ORDER / ORDER              the stop-loss leg, the other one
 *   a oto LIST ORDER / ORDER              the working one, the pending one
 *   a otoco LIST ORDER / ORDER / ORDER    the working one, then as of an OCO
 *   a cancellist LIST
 *   op group a N
 *   op status TRADING|HALT|CANCEL_ONLY
 *   op delist
 *
 *          A script that begins with ~ does not fix how many messages pass: the cancel of the
 *          second order of a pair may go out or not, where both are cancelled. Then what counts is
 *          the state of the accounts.
 *          With a & behind it a step and the next one may be asked at once, which changes nothing
 *          of what is seen in the end.
 * Seen:    `! REASON` for a refusal (of a replace, of its halves: `!cancel`, `!new`); `ID STATUS
 *          executed/quantity [-prevented]` for each order that is not as it was, in the order of
 *          their first mention, `ID gone` when none has the id any more; `a base[+locked]
 *          quote[+locked]` for each user whose money is not as it was. WAITING is NEW, and waits
 *          for its trigger.
 */
#ifndef LIFE_CYCLES_H
#define LIFE_CYCLES_H

struct script {
    const char *name, *steps;
};

/* Each ends with one whose name is NULL. */
extern const struct script order_scripts[];
extern const struct script list_scripts[];

#endif
