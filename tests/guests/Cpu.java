import java.util.*;
import java.util.concurrent.*;
public class Cpu {
    static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
    public static void main(String[] a) throws Exception {
        System.out.println(fib(25));
        Map<Integer, Long> m = new TreeMap<>();
        for (int i = 0; i < 100000; i++) m.merge(i * 7919 % 1013, (long) i, Long::sum);
        System.out.println(m.size() + " " + m.get(5));
        double s = 0; for (int i = 1; i < 300000; i++) s += Math.sin(i) / i; System.out.printf("%.9f%n", s);
        var ex = Executors.newFixedThreadPool(3); var fs = new ArrayList<Future<Integer>>();
        for (int i = 0; i < 10; i++) { int k = i; fs.add(ex.submit(() -> fib(k + 10))); }
        int t = 0; for (var f : fs) t += f.get(); ex.shutdown(); System.out.println(t);
        try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("npe"); }
        StringBuilder b = new StringBuilder(); for (int i = 0; i < 20000; i++) b.append(i % 10); System.out.println(b.toString().hashCode() + " " + Long.MIN_VALUE / -1);
    }
}
