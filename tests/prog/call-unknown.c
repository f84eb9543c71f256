/* call-unknown.c - an ioctl that no table knows, on a device that does not know it either, a system call that is none, and
 * one that tandem alone does not know. With the argument "ioctl": an ioctl that the kernel knows and no table does, and whose
 * number does not tell what it writes; 77 where the kernel has it not. */
#include "expect.h"
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int link_of_lo(void)
{
    struct ethtool_value v = { .cmd = ETHTOOL_GLINK, .data = 99 };
    struct ifreq r = { .ifr_data = (char *)&v };
    strcpy(r.ifr_name, "lo");
    if (ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCETHTOOL, &r))
        return 77;
    expect("the link is up or down", v.data <= 1, 1);
    return done();
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "ioctl"))
        return link_of_lo();
    char buf[256];
    int fd = open("/dev/null", O_RDWR);
    expect_error("an ioctl that nobody knows", ioctl(fd, 0xc0de5a17, buf), ENOTTY);
    expect_error("one with odd bits", ioctl(fd, 0x1234, buf), ENOTTY);
    expect_error("system call 9999", syscall(9999, 1, 2, 3), ENOSYS);
    expect_error("system call -1", syscall(-1, 1, 2, 3), ENOSYS);
    expect("one that the kernel knows", syscall(SYS_sysfs, 3) > 0, 1);
    return done();
}
