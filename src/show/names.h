/* names.h - names of errors, signals, calls, their arguments and the fields of structures. */
#ifndef TANDEM_SHOW_NAMES_H
#define TANDEM_SHOW_NAMES_H

#include <stdint.h>

/* "ENOENT"; NULL: no such number. The kernel's own (ERESTARTSYS) are known too. */
const char *errno_name(int err);
/* "No such file or directory", in English whatever the locale; NULL when errno_name is NULL. */
const char *errno_text(int err);

/* "SIGINT", "SIGRTMIN", "SIGRT_1"; writes into `room` (16 bytes) only when it has to. */
const char *signal_name(int sig, char *room);

/* "openat"; NULL: unknown. `int80`: the number is of the 32-bit table. */
const char *call_name(uint32_t nr, int int80);
/* The number of a name, or -1. */
int call_number(const char *name);

/* "rdtsc"; NULL: no such instruction. */
const char *insn_name(unsigned insn);

/* The name of an argument, from 0, as the table has it for the call as such, not for its requests;
 * NULL: unknown. */
const char *argument_name(uint32_t nr, int i);

/* The name of the i-th field of a shape, from 0. */
const char *field_name(unsigned shape, unsigned i);

#endif
