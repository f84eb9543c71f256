/* call-madvise.c - memory given back with MADV_FREE: natively its contents go when the kernel likes; under tandem they go
 * at once, in every version.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int sum = 0;

	memset(p, 'x', 1 << 20);
	if (madvise(p, 1 << 20, MADV_FREE))
		perror("madvise");
	for (int i = 0; i < 1 << 20; i += 4096)
		sum += p[i];
	printf("left: %d, expected 0\n", sum);
	return sum != 0;
}
