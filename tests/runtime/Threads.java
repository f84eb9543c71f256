// Threads.java - eight threads of a pool: races without a lock, locks, conditions, and a queue; a digest of who came when.
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

public class Threads {
    static int racy;
    static volatile long digest;
    static final AtomicLong safe = new AtomicLong();
    static final ReentrantLock lock = new ReentrantLock();
    static long locked;

    static void work(int id, BlockingQueue<Integer> queue) throws InterruptedException {
        for (int i = 0; i < 2000; i++) {
            racy++;
            digest = digest * 31 + id;
            safe.incrementAndGet();
            if (i % 10 == 0) {
                lock.lock();
                try {
                    locked = locked * 31 + id;
                } finally {
                    lock.unlock();
                }
            }
            if (i % 100 == 0) {
                queue.put(id * 10000 + i);
                Thread.yield();
            }
        }
    }

    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        BlockingQueue<Integer> queue = new LinkedBlockingQueue<>(16);
        List<Future<?>> futures = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            final int id = i;
            futures.add(pool.submit(() -> {
                work(id, queue);
                return null;
            }));
        }
        long order = 7;
        for (int i = 0; i < 8 * 20; i++)
            order = order * 31 + queue.take();
        for (Future<?> f : futures)
            f.get();
        pool.shutdown();
        if (safe.get() != 16000 || !pool.awaitTermination(10, TimeUnit.SECONDS))
            System.exit(1);
        System.out.println(racy + " " + Long.toHexString(digest) + " " + Long.toHexString(locked) + " "
            + Long.toHexString(order) + " " + System.nanoTime() + " " + new Object().hashCode());
    }
}
