/* serve.h - `castle serve`: opens the data directory, recovers, listens, drains.
 *
 * Thread:  the main one; it starts all others and waits for signals.
 */
#ifndef SERVE_H
#define SERVE_H

enum exit_code {
    EXIT_DONE,
    EXIT_RUNTIME,
    EXIT_USAGE,
    EXIT_LOCKED,
    EXIT_DAMAGED,
    EXIT_IO,
};

#endif
