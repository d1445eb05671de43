import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

/** A page from Java's own web server. */
public class Main {
  public static void main(String[] args) throws Exception {
    byte[] text = ("Hello from Java " + Runtime.version() + "\n").getBytes("UTF-8");
    HttpServer server = HttpServer.create(new InetSocketAddress("0.0.0.0", Integer.parseInt(System.getenv("PORT"))), 0);
    server.createContext("/", exchange -> {
      exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
      exchange.sendResponseHeaders(200, text.length);
      exchange.getResponseBody().write(text);
      exchange.close();
    });
    server.start();
  }
}
