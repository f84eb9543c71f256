/* proc.h - what /proc tells of a process.
 *
 * A process may be gone at any moment; then there is no text, and numbers are 0.
 */
#ifndef TANDEM_PROC_H
#define TANDEM_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* As much of a status file as anybody needs: only a process of many hundred groups has more. */
#define PROC_STATUS_MAX 8192

/* The text of /proc/PID/NAME, NUL-terminated, cut at `room` bytes; empty and false where it cannot be read. */
bool proc_text(pid_t pid, const char *name, char *ret, size_t room);

/* Where the value of the line "KEY:" starts in the text of a status file (it ends with the line), or NULL. */
const char *proc_line(const char *text, const char *key);

/* Fields of /proc/PID/stat, numbered as in proc(5). */
enum { PROC_STATE = 3, PROC_PARENT = 4, PROC_START_BRK = 47 };
/* As a number; the state, a letter, as its code. */
uint64_t proc_stat(pid_t pid, int field);

/* Length in bytes of the mapping of /proc/PID/maps that begins at `addr`; 0: there is none. */
uint64_t proc_mapping_size(pid_t pid, uint64_t addr);

#endif
