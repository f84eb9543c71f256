/* kernel_types.h - structures as the x86-64 kernel lays them out, under names of our own.
 *
 * The C library's structures differ from the kernel's in places (sigaction, stat, termios, rusage),
 * and its headers and the kernel's can't be included together. So each shape of shapes.def has its
 * struct here: SHAPE(x) is struct k_x. Members avoid the names that libc makes macros of (sa_handler,
 * si_pid, st_atime). tests/unit/test_table.c compares the sizes with the system's headers.
 */
#ifndef TANDEM_KERNEL_TYPES_H
#define TANDEM_KERNEL_TYPES_H

#include <stdint.h>

/* time */
struct k_timespec { int64_t tv_sec, tv_nsec; };
struct k_timeval { int64_t tv_sec, tv_usec; };
struct k_timezone { int32_t tz_minuteswest, tz_dsttime; };
struct k_itimerval { struct k_timeval it_interval, it_value; };
struct k_itimerspec { struct k_timespec it_interval, it_value; };
struct k_utimbuf { int64_t actime, modtime; };
struct k_tms { int64_t tms_utime, tms_stime, tms_cutime, tms_cstime; };
struct k_timex {
	uint32_t modes, pad0;
	int64_t offset, freq, maxerror, esterror;
	int32_t status, pad1;
	int64_t constant, precision, tolerance;
	struct k_timeval time;
	int64_t tick, ppsfreq, jitter;
	int32_t shift, pad2;
	int64_t stabil, jitcnt, calcnt, errcnt, stbcnt;
	int32_t tai, pad3[11];
};
struct k_rtc_time {
	int32_t tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst;
};

/* files */
struct k_stat {
	uint64_t st_dev, st_ino, st_nlink;
	uint32_t st_mode, st_uid, st_gid, pad0;
	uint64_t st_rdev;
	int64_t st_size, st_blksize, st_blocks;
	struct k_timespec st_atim, st_mtim, st_ctim;
	int64_t unused[3];
};
struct k_statx_timestamp { int64_t tv_sec; uint32_t tv_nsec; int32_t pad; };
struct k_statx {
	uint32_t stx_mask, stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink, stx_uid, stx_gid;
	uint16_t stx_mode, pad0;
	uint64_t stx_ino, stx_size, stx_blocks, stx_attributes_mask;
	struct k_statx_timestamp stx_atime, stx_btime, stx_ctime, stx_mtime;
	uint32_t stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor;
	uint64_t stx_mnt_id;
	uint32_t stx_dio_mem_align, stx_dio_offset_align;
	uint64_t stx_subvol;
	uint32_t stx_atomic_write_unit_min, stx_atomic_write_unit_max;
	uint32_t stx_atomic_write_segments_max, stx_dio_read_offset_align;
	uint32_t stx_atomic_write_unit_max_opt, spare2;
	uint64_t spare3[8];
};
struct k_statfs {
	int64_t f_type, f_bsize;
	uint64_t f_blocks, f_bfree, f_bavail, f_files, f_ffree;
	int32_t f_fsid[2];
	int64_t f_namelen, f_frsize, f_flags, f_spare[4];
};
struct k_ustat { int32_t f_tfree, pad; uint64_t f_tinode; char f_fname[6], f_fpack[6]; uint32_t pad1; };
struct k_dirent64 { uint64_t d_ino; int64_t d_off; uint16_t d_reclen; uint8_t d_type; char d_name[5]; };
struct k_flock { int16_t l_type, l_whence; int32_t pad0; int64_t l_start, l_len; int32_t l_pid, pad1; };
struct k_f_owner_ex { int32_t type, pid; };
struct k_open_how { uint64_t flags, mode, resolve; };
struct k_file_handle { uint32_t handle_bytes; int32_t handle_type; };
struct k_fsxattr {
	uint32_t fsx_xflags, fsx_extsize, fsx_nextents, fsx_projid, fsx_cowextsize;
	uint8_t fsx_pad[8];
};
struct k_file_clone_range { int64_t src_fd; uint64_t src_offset, src_length, dest_offset; };
struct k_fstrim_range { uint64_t start, len, minlen; };
struct k_fiemap {
	uint64_t fm_start, fm_length;
	uint32_t fm_flags, fm_mapped_extents, fm_extent_count, reserved;
};
struct k_file_attr { uint64_t fa_xflags; uint32_t fa_extsize, fa_nextents, fa_projid, fa_cowextsize; };
struct k_xattr_args { uint64_t value; uint32_t size, flags; };
struct k_xattr_out { uint64_t value; uint32_t size, flags; };
struct k_cachestat_range { uint64_t off, len; };
struct k_cachestat { uint64_t nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recently_evicted; };

/* mounts, quotas */
struct k_mount_attr { uint64_t attr_set, attr_clr, propagation, userns_fd; };
struct k_mnt_id_req { uint32_t size, mnt_ns_fd; uint64_t mnt_id, param, mnt_ns_id; };
struct k_dqblk {
	uint64_t dqb_bhardlimit, dqb_bsoftlimit, dqb_curspace, dqb_ihardlimit, dqb_isoftlimit;
	uint64_t dqb_curinodes, dqb_btime, dqb_itime;
	uint32_t dqb_valid, dqb_id;
};
struct k_dqinfo { uint64_t dqi_bgrace, dqi_igrace; uint32_t dqi_flags, dqi_valid; };

/* terminals and devices */
struct k_termio { uint16_t c_iflag, c_oflag, c_cflag, c_lflag; uint8_t c_line, c_cc[8], pad; };
struct k_termios { uint32_t c_iflag, c_oflag, c_cflag, c_lflag; uint8_t c_line, c_cc[19]; };
struct k_termios2 {
	uint32_t c_iflag, c_oflag, c_cflag, c_lflag;
	uint8_t c_line, c_cc[19];
	uint32_t c_ispeed, c_ospeed;
};
struct k_winsize { uint16_t ws_row, ws_col, ws_xpixel, ws_ypixel; };
struct k_vt_mode { uint8_t mode, waitv; int16_t relsig, acqsig, frsig; };
struct k_vt_stat { uint16_t v_active, v_signal, v_state; };
struct k_kbentry { uint8_t kb_table, kb_index; uint16_t kb_value; };
struct k_hd_geometry { uint8_t heads, sectors; uint16_t cylinders; uint32_t pad; uint64_t start; };
struct k_ifreq { char name[16]; uint8_t data[24]; };
struct k_ifreq_get { char name[16]; uint8_t data[24]; };
struct k_ifconf { int32_t len, pad; uint64_t buf; };
struct k_arpreq { uint8_t raw[68]; };
struct k_rtentry { uint8_t raw[120]; };

/* input and output */
struct k_iovec { uint64_t iov_base, iov_len; };
struct k_msghdr {
	uint64_t msg_name;
	int32_t msg_namelen, pad0;
	uint64_t msg_iov, msg_iovlen, msg_control, msg_controllen;
	uint32_t msg_flags, pad1;
};
struct k_mmsghdr { struct k_msghdr msg_hdr; uint32_t msg_len, pad; };
struct __attribute__((packed)) k_epoll_event { uint32_t events; uint64_t data; };
struct k_pollfd { int32_t fd; int16_t events, revents; };
struct k_sigset_arg { uint64_t ss, ss_len; };

/* sockets */
struct k_ucred { int32_t pid; uint32_t uid, gid; };
struct k_linger { int32_t l_onoff, l_linger; };
struct k_in_addr { uint32_t s_addr; };
struct k_ip_mreq { uint32_t imr_multiaddr, imr_interface; };
struct k_ip_mreqn { uint32_t imr_multiaddr, imr_address; int32_t imr_ifindex; };
struct k_ipv6_mreq { uint8_t ipv6mr_multiaddr[16]; int32_t ipv6mr_ifindex; };
struct k_packet_mreq { int32_t mr_ifindex; uint16_t mr_type, mr_alen; uint8_t mr_address[8]; };
struct k_tcp_info { uint8_t raw[104]; };
struct k_sock_filter { uint16_t code; uint8_t jt, jf; uint32_t k; };
struct k_sock_fprog { uint16_t len, pad[3]; uint64_t filter; };

/* processes */
struct k_rlimit { uint64_t rlim_cur, rlim_max; };
struct k_rusage {
	struct k_timeval ru_utime, ru_stime;
	int64_t ru_maxrss, ru_ixrss, ru_idrss, ru_isrss, ru_minflt, ru_majflt, ru_nswap;
	int64_t ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv, ru_nsignals, ru_nvcsw, ru_nivcsw;
};
struct k_sysinfo {
	int64_t uptime;
	uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad0;
	uint32_t pad1;
	uint64_t totalhigh, freehigh;
	uint32_t mem_unit, pad2;
};
struct k_utsname {
	char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};
struct k_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};
struct k_robust_list_head { uint64_t next; int64_t futex_offset; uint64_t list_op_pending; };
struct k_futex_waitv { uint64_t val, uaddr; uint32_t flags, reserved; };
struct k_sched_param { int32_t sched_priority; };
struct k_sched_attr {
	uint32_t size, sched_policy;
	uint64_t sched_flags;
	int32_t sched_nice;
	uint32_t sched_prio;
	uint64_t sched_runtime, sched_deadline, sched_period;
	uint32_t sched_util_min, sched_util_max;
};
struct k_cap_header { uint32_t version; int32_t pid; };
struct k_cap_data {
	uint32_t effective, permitted, inheritable;
	uint32_t effective_high, permitted_high, inheritable_high;
};
struct k_user_desc { uint32_t entry_number, base_addr, limit, flags; };
struct k_prctl_mm_map {
	uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
	uint64_t arg_start, arg_end, env_start, env_end, auxv;
	uint32_t auxv_size, exe_fd;
};
struct k_seccomp_notif_sizes { uint16_t seccomp_notif, seccomp_notif_resp, seccomp_data; };
struct k_landlock_ruleset { uint64_t handled_access_fs, handled_access_net, scoped; };
struct __attribute__((packed)) k_landlock_path { uint64_t allowed_access; int32_t parent_fd; };
struct k_landlock_port { uint64_t allowed_access, port; };
struct k_perf_attr { uint32_t type, size; uint64_t config; };
struct k_kexec_segment { uint64_t buf, bufsz, mem, memsz; };

/* signals */
struct k_sigaction { uint64_t handler, flags, restorer, mask; };
struct k_stack { uint64_t ss_sp; uint32_t ss_flags, pad; uint64_t ss_size; };
struct k_siginfo { int32_t signo, error, code, pad; uint8_t fields[112]; };
struct k_sigevent { uint64_t sigev_value; uint32_t sigev_signo, sigev_notify; int32_t sigev_tid, pad[11]; };

/* System V and POSIX queues, semaphores, memory */
struct k_ipc_perm {
	uint32_t key, uid, gid, cuid, cgid, mode;
	uint16_t seq, pad0;
	uint32_t pad1;
	uint64_t unused[2];
};
struct k_msqid_ds {
	struct k_ipc_perm msg_perm;
	int64_t msg_stime, msg_rtime, msg_ctime;
	uint64_t msg_cbytes, msg_qnum, msg_qbytes;
	int32_t msg_lspid, msg_lrpid;
	uint64_t unused[2];
};
struct k_msginfo { int32_t msgpool, msgmap, msgmax, msgmnb, msgmni, msgssz, msgtql; uint32_t msgseg; };
struct k_semid_ds {
	struct k_ipc_perm sem_perm;
	int64_t sem_otime, pad0, sem_ctime, pad1;
	uint64_t sem_nsems, unused[2];
};
struct k_seminfo { int32_t semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx, semaem; };
struct k_sembuf { uint16_t sem_num; int16_t sem_op, sem_flg; };
struct k_shmid_ds {
	struct k_ipc_perm shm_perm;
	uint64_t shm_segsz;
	int64_t shm_atime, shm_dtime, shm_ctime;
	int32_t shm_cpid, shm_lpid;
	uint64_t shm_nattch, unused[2];
};
struct k_shminfo { uint64_t shmmax, shmmin, shmmni, shmseg, shmall, unused[4]; };
struct k_shm_info {
	int32_t used_ids, pad;
	uint64_t shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};
struct k_mq_attr { int64_t mq_flags, mq_maxmsg, mq_msgsize, mq_curmsgs, reserved[4]; };

/* Sizes as constants, for the rows. */
enum shape_sizes {
#define SHAPE(name) SHAPE_SIZE_##name = sizeof(struct k_##name),
#include "abi/shapes.def"
};

#endif
