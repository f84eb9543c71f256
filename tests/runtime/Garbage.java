// Garbage.java - three threads that make garbage in a small heap, weak references and cleaners: what was collected when?
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.ref.Cleaner;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

public class Garbage {
    static final AtomicInteger cleaned = new AtomicInteger();
    static final Cleaner cleaner = Cleaner.create();

    static long make() {
        List<WeakReference<byte[]>> weak = new ArrayList<>();
        Map<Integer, byte[]> kept = new HashMap<>();
        long gone = 0;
        for (int i = 0; i < 20000; i++) {
            byte[] b = new byte[200 + ThreadLocalRandom.current().nextInt(2000)];
            b[0] = (byte) i;
            kept.put(i % 200, b);
            if (i % 100 == 0) {
                weak.add(new WeakReference<>(b));
                cleaner.register(b, cleaned::incrementAndGet);
            }
        }
        for (int i = 0; i < weak.size(); i++)
            if (weak.get(i).get() == null)
                gone = gone * 31 + i;
        return gone;
    }

    public static void main(String[] args) throws Exception {
        long[] gone = new long[3];
        Thread[] threads = new Thread[3];
        for (int i = 0; i < 3; i++) {
            final int id = i;
            threads[i] = new Thread(() -> gone[id] = make());
            threads[i].start();
        }
        for (Thread t : threads)
            t.join();
        System.gc();
        long collections = 0;
        for (GarbageCollectorMXBean b : ManagementFactory.getGarbageCollectorMXBeans())
            collections += b.getCollectionCount();
        System.out.println(Long.toHexString(gone[0] + gone[1] * 3 + gone[2] * 7) + " " + cleaned.get() + " " + collections
            + " " + Runtime.getRuntime().freeMemory() + " " + System.identityHashCode(gone));
    }
}
