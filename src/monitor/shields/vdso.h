/* vdso.h - what to write over the vDSO so that its functions become system calls.
 *
 * Every process of one kernel has the same vDSO image, so the monitor reads its own and applies the
 * answer to a version's: offsets count from the start of the mapping (AT_SYSINFO_EHDR).
 */
#ifndef TANDEM_VDSO_H
#define TANDEM_VDSO_H

#include <stdbool.h>
#include <stdint.h>

struct vdso_patch {
	uint32_t offset;          /* of the function, in the mapping */
	uint32_t len;             /* how many of `bytes` to write there */
	uint8_t bytes[16];
	int nr;                   /* the system call that it becomes; -1: it fails with ENOSYS */
};

struct vdso_info {
	const char *error;        /* NULL, or why the shield cannot be put up; names the function */
	uint64_t size;            /* of the mapping; 0: this kernel maps no vDSO */
	const struct vdso_patch *patch;
	int n;
	const char *const *unknown; /* functions that are left alone since nothing here knows them */
	int nunknown;
	uint32_t syscall_offset;  /* of a `syscall` (0f 05) outside of all patches; 0: there is none */
	bool syscall_returns;     /* ... and a `ret` follows it */
};

/* Never NULL, always the same; the first caller pays for it. The caller must look at `error`. */
const struct vdso_info *vdso_info(void);

/* Whether the `syscall` instruction at `offset` in a patched vDSO is one of the patches': a seccomp
 * stop with rip at offset + 2 is then the vDSO call `*ret_nr`. */
bool vdso_is_entry(uint64_t offset, int *ret_nr);

#endif
