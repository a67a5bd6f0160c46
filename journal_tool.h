/* journal_tool.h - `castle journal`: what is in a data directory, without a server.
 *
 * Thread:  the main one. It takes no lock and changes nothing: it may look at a directory in use,
 * and then sees what was durable when it looked.
 */
#ifndef JOURNAL_TOOL_H
#define JOURNAL_TOOL_H

#define JOURNAL_TOOL_USAGE "stat | verify | dump [--state] [--until LSN] --data DIR"
extern const char journal_tool_options[]; /* what each of them means */

/* argv[0] is "journal". Returns the exit code (DESIGN §10). */
int journal_tool(int argc, char **argv);

#endif
