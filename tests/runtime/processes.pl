# processes.pl - children that write to one pipe, signals to the parent, and a hash's order: what came when.
use strict;
use warnings;
use POSIX ":sys_wait_h";
use Time::HiRes qw(usleep time ualarm);

$| = 1;
my ($children, $alarms, $ended, @order) = (4, 0, 0);
my $parent = $$;
pipe(my $in, my $out) or die;
$SIG{USR1} = sub { push @order, "u" };
$SIG{ALRM} = sub { $alarms++; push @order, "a" };
$SIG{CHLD} = sub {
    while ((my $pid = waitpid(-1, WNOHANG)) > 0) { $ended++; push @order, "x" . ($? >> 8) }
};
my %pids;
for my $id (0 .. $children - 1) {
    my $pid = fork // die;
    if (!$pid) {
        close $in;
        srand;
        for my $i (0 .. 24) {
            usleep(int rand 1500);
            syswrite $out, "$id";
            kill USR1 => $parent if $i % 8 == 0;
        }
        POSIX::_exit($id);
    }
    $pids{$pid} = $id;
}
close $out;
ualarm(5000, 5000);
my $got = 0;
while (1) {
    my $n = sysread $in, my $buf, 100;
    next if !defined $n && $!{EINTR};
    die "sysread: $!" if !defined $n;
    last if !$n;
    $got += $n;
    push @order, $buf;
}
ualarm(0);
select undef, undef, undef, 0.01 while $ended < $children;
die "$got bytes" if $got != $children * 25;
my %h = map { $_ => 1 } 1 .. 20;
print join(" ", "@order", $alarms, join(",", keys %h), rand, time), "\n";
