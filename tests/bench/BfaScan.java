import java.io.BufferedReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Looks for signatures as Jenkins' Build Failure Analyzer does: line by line, each expression as a match of the whole
 * line, through a text that looks at the interrupt flag at every character, with a watchdog beside it.
 *
 * java BfaScan PATTERNS LOG; of PATTERNS each line is `1` or `0` for whether case is ignored, a tab, and an expression.
 */
public class BfaScan {
    static volatile long touched = System.currentTimeMillis();

    record Polling(CharSequence text) implements CharSequence {
        public char charAt(int at) {
            if (Thread.interrupted()) {
                throw new IllegalStateException("took too long");
            }
            return text.charAt(at);
        }

        public int length() {
            return text.length();
        }

        public CharSequence subSequence(int from, int to) {
            return new Polling(text.subSequence(from, to));
        }

        public String toString() {
            return text.toString();
        }
    }

    public static void main(String[] given) throws Exception {
        List<Pattern> patterns = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(given[0]))) {
            int flags = line.startsWith("1") ? Pattern.CASE_INSENSITIVE : 0;
            patterns.add(Pattern.compile(".*(?:" + line.substring(2) + ").*", flags));
        }
        watch(Thread.currentThread());
        boolean[] seen = new boolean[patterns.size()];
        int found = 0;
        long begun = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        try (BufferedReader log = Files.newBufferedReader(Path.of(given[1]), StandardCharsets.UTF_8)) {
            for (String line = log.readLine(); line != null; line = log.readLine()) {
                for (int number = 0; number < seen.length; number++) {
                    if (!seen[number] && matches(patterns.get(number), line)) {
                        seen[number] = true;
                        found++;
                    }
                    touched = System.currentTimeMillis();
                }
            }
        }
        double seconds = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - begun) / 1e9;
        System.out.printf("{\"ready_s\": 0, \"scan_s\": %.6f, \"found\": %d, \"peak_mb\": 0}%n", seconds, found);
    }

    static boolean matches(Pattern pattern, String line) {
        try {
            return pattern.matcher(new Polling(line)).matches();
        } catch (IllegalStateException tookTooLong) {
            return false;
        }
    }

    static void watch(Thread watched) {
        Thread watchdog = new Thread(() -> {
            while (true) {
                try {
                    Thread.sleep(200);
                } catch (InterruptedException ended) {
                    return;
                }
                if (System.currentTimeMillis() - touched >= 1000) {
                    watched.interrupt();
                }
            }
        });
        watchdog.setDaemon(true);
        watchdog.start();
    }
}
