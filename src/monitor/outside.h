/* outside.h - who else writes to memory that the program shares: followers cannot know of it. */
#ifndef TANDEM_OUTSIDE_H
#define TANDEM_OUTSIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct outside;

/* The program has mapped a file, or attached a segment (device SEGMENT_DEV): `text` is "DEVICE INODE PATH", as
 * outside_note made it. *o may be NULL; it is the caller's. */
void outside_add(struct outside **o, const char *text);
/* What to send for it; to be freed. */
char *outside_note(uint64_t dev, uint64_t ino, const char *path);

/* Look for processes that map one of these writable and are not traced by `monitor`. Calls `found` with one line, once
 * for each process and file. */
void outside_look(struct outside *o, pid_t monitor, void (*found)(void *ctx, const char *line), void *ctx);

/* After how many ms the next look is due: soon at first, then ever later. -1: there is nothing to look for. */
int outside_due(const struct outside *o);

void outside_free(struct outside *o);

#endif
