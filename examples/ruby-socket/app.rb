# A page from a server of twenty lines: Ruby's sockets are all it needs.
require "socket"

TEXT = "Hello from Ruby #{RUBY_VERSION}\n".freeze

server = TCPServer.new("0.0.0.0", Integer(ENV.fetch("PORT")))
loop do
  Thread.new(server.accept) do |client|
    while (line = client.gets) && line != "\r\n"; end
    client.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: #{TEXT.bytesize}\r\nConnection: close\r\n\r\n#{TEXT}")
  ensure
    client.close
  end
end
