/* doctor_probe.h - small experiments: does the machine let us do this? Private to doctor.c.
 *
 * Each is made in a child of its own, which is gone when the function returns. 0: it works; -errno:
 * it was refused; -ETIME: no answer within two seconds; -ENOTRECOVERABLE: accepted, but without effect.
 */
#ifndef TANDEM_DOCTOR_PROBE_H
#define TANDEM_DOCTOR_PROBE_H

#include <stdint.h>

int probe_ptrace(void);         /* seize, stop, read registers, ask about the call */
int probe_trace_filter(void);   /* a seccomp filter's RET_TRACE stops the child */
int probe_mem_write(void);      /* a read-only page of a traced child, through /proc/PID/mem */
int probe_vm_read(void);        /* process_vm_readv of a traced child */
int probe_getfd(void);          /* pidfd_getfd from a traced child */
int probe_tsc(void);            /* PR_SET_TSC makes rdtsc trap */
int probe_cpuid(void);          /* ARCH_SET_CPUID makes cpuid trap */
int probe_memfd(uint64_t size); /* memfd_create, sized and mapped */
int probe_memfd_exec(void);     /* a program in a memfd may be executed */
int probe_user_namespace(void);
int probe_counters(void);       /* a hardware performance counter of ourselves */

/* A cache line's way from one core to another and back. */
int probe_round_trip(int core1, int core2, uint64_t *ret_ns);

#endif
