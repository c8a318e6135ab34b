// Java with its default compilers: threads, monitors, parallel streams, garbage, implicit null checks, stack overflow,
// deoptimisation, class loading while running, strings, BigInteger, zip, regular expressions.  Prints the same everywhere.
import java.math.BigInteger;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.function.*;
import java.util.stream.*;
import java.util.zip.*;

public class Busy {
    interface Shape { double area(); }
    record Square(double s) implements Shape { public double area() { return s * s; } }
    record Circle(double r) implements Shape { public double area() { return Math.PI * r * r; } }
    record Tri(double a, double b) implements Shape { public double area() { return a * b / 2; } }

    static int depth;
    static void down() { depth++; down(); }

    static int nulls(String[] a) {
        int n = 0;
        for (int i = 0; i < 200000; i++)
            try { n += a[i % a.length].length(); } catch (NullPointerException e) { n++; } catch (ArrayIndexOutOfBoundsException e) { n += 2; }
        return n;
    }

    static long counter;
    static synchronized void bump() { counter++; }

    static void threads() throws Exception {
        Thread[] t = new Thread[8];
        AtomicLong al = new AtomicLong();
        LongAdder adder = new LongAdder();
        ConcurrentHashMap<Integer, Integer> map = new ConcurrentHashMap<>();
        CyclicBarrier bar = new CyclicBarrier(t.length);
        for (int k = 0; k < t.length; k++) {
            int me = k;
            t[k] = new Thread(() -> {
                try { bar.await(); } catch (Exception e) { throw new RuntimeException(e); }
                for (int i = 0; i < 20000; i++) {
                    bump(); al.incrementAndGet(); adder.increment();
                    map.merge((i * 31 + me) % 101, 1, Integer::sum);
                }
            });
            t[k].start();
        }
        for (Thread x : t) x.join();
        System.out.println(counter + " " + al + " " + adder + " " + map.values().stream().mapToInt(i -> i).sum());
        ExecutorService ex = Executors.newFixedThreadPool(4);
        List<Future<Long>> f = new ArrayList<>();
        for (int k = 0; k < 16; k++) {
            int me = k;
            f.add(ex.submit(() -> LongStream.range(0, 100000).map(x -> x * me ^ x >> 3).sum()));
        }
        long s = 0;
        for (Future<Long> x : f) s += x.get();
        ex.shutdown();
        System.out.println(s + " " + ex.awaitTermination(5, TimeUnit.SECONDS));
        System.out.println(IntStream.rangeClosed(1, 200000).parallel().filter(i -> Integer.bitCount(i) == 7).count());
        try (var v = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Integer>> g = new ArrayList<>();
            for (int i = 0; i < 500; i++) { int j = i; g.add(v.submit(() -> { Thread.sleep(j % 7); return j; })); }
            int sum = 0;
            for (Future<Integer> x : g) sum += x.get();
            System.out.println("virtual " + sum);
        }
        Thread sleeper = new Thread(() -> { try { Thread.sleep(100000); } catch (InterruptedException e) { System.out.println("interrupted"); } });
        sleeper.start(); sleeper.interrupt(); sleeper.join();
    }

    static void garbage() {
        Object[] keep = new Object[2000];
        long h = 0;
        for (int i = 0; i < 600000; i++) {
            byte[] b = new byte[i % 300];
            if (b.length > 0) b[0] = (byte) i;
            keep[i * 31 % keep.length] = new Object[] { b, keep[i * 17 % keep.length] instanceof Object[] o && i % 5 != 0 ? o[0] : null, "s" + i };
        }
        System.gc();
        for (Object o : keep) if (o instanceof Object[] a) h = h * 31 + ((byte[]) a[0]).length + a[2].hashCode();
        System.out.println("garbage " + h);
    }

    public static void main(String[] args) throws Exception {
        System.out.println(nulls(new String[] { "a", null, "ccc" }));
        for (int i = 0; i < 3; i++) { depth = 0; try { down(); } catch (StackOverflowError e) { System.out.println("deep " + (depth > 500)); } }
        Shape[] shapes = IntStream.range(0, 999).mapToObj(i -> i < 900 ? new Square(i) : i % 2 == 0 ? new Circle(i) : new Tri(i, 3)).toArray(Shape[]::new);
        double area = 0;
        for (int r = 0; r < 200; r++) for (int i = 0; i < (r < 150 ? 900 : 999); i++) area += shapes[i].area(); // one class, then three: deoptimises
        System.out.println(area);
        threads();
        garbage();
        System.out.println(BigInteger.TWO.pow(4001).modPow(BigInteger.valueOf(65537), BigInteger.TEN.pow(80).add(BigInteger.valueOf(129))));
        StringBuilder sb = new StringBuilder();
        for (int i = 0; i < 30000; i++) sb.append(i % 977).append(i % 13 == 0 ? '\u00e9' : ',');
        byte[] raw = sb.toString().getBytes("UTF-8"), z = new byte[raw.length], back = new byte[raw.length];
        Deflater d = new Deflater(); d.setInput(raw); d.finish(); int n = d.deflate(z);
        Inflater in = new Inflater(); in.setInput(z, 0, n); int m = in.inflate(back);
        CRC32C crc = new CRC32C(); crc.update(back, 0, m);
        System.out.println(n > 0 ? m + " " + crc.getValue() + " " + Arrays.equals(raw, back) : "?");
        System.out.println(sb.toString().replaceAll("(\\d)(\\d)", "$2$1").hashCode() + " " + sb.chars().filter(c -> c == '\u00e9').count());
        Map<Long, Long> digits = Stream.iterate(1L, x -> x * 3 % 1000003).limit(5000).collect(Collectors.groupingBy(x -> x % 10, TreeMap::new, Collectors.counting()));
        System.out.println(digits);
        System.out.println(IntStream.range(0, 1000).mapToObj(i -> String.format("%05.2f|%x", Math.sin(i), i)).collect(Collectors.joining()).hashCode());
        var md = java.security.MessageDigest.getInstance("SHA-256");
        for (int i = 0; i < 200; i++) md.update(raw);
        System.out.println(HexFormat.of().formatHex(md.digest()));
        Process p = new ProcessBuilder("sh", "-c", "read x; echo got $x; exit 3").start();
        p.outputWriter().append("line\n").close();
        System.out.println(p.inputReader().readLine() + " " + p.waitFor());
    }
}
