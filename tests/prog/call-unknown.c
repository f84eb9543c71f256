/* call-unknown.c - an ioctl that no table knows, on a device that does not know it either, a system call that is none, and
 * one that tandem alone does not know. */
#include "expect.h"
#include <sys/ioctl.h>

int main(void)
{
    char buf[256];
    int fd = open("/dev/null", O_RDWR);
    expect_error("an ioctl that nobody knows", ioctl(fd, 0xc0de5a17, buf), ENOTTY);
    expect_error("one with odd bits", ioctl(fd, 0x1234, buf), ENOTTY);
    expect_error("system call 9999", syscall(9999, 1, 2, 3), ENOSYS);
    expect_error("system call -1", syscall(-1, 1, 2, 3), ENOSYS);
    expect("one that the kernel knows", syscall(SYS_sysfs, 3) > 0, 1);
    return done();
}
