# frozen_string_literal: true

require "socket"

# A server as many are: the master makes what all need, then forks workers that share its socket.
RSpec.describe "a preforking server" do
  # Starts `count` workers, has each do some work, and waits for them. They answer on a loopback socket what they read
  # from the master's handles, collect, and end when told to.
  def serve(events, count, handles)
    server = TCPServer.new("127.0.0.1", 0)
    workers = Array.new(count) do |i|
      fork do
        events.sign(:"worker_#{i}")
        @own = Handle.new(events.raw(:own))
        work(server, handles)
      end
    end
    answers = Array.new(count * 3) { ask(server, "sum") }
    count.times { ask(server, "quit") }
    workers.each { |pid| Process.wait2(pid).last.success? or raise "a worker failed" }
    answers
  end

  def work(server, handles)
    loop do
      client = server.accept
      request = client.gets(chomp: true)
      out_of_reach { Handle.new(Events.current.raw(:per_request)) }
      full_gc
      client.puts(handles.sum(&:read_int))
      client.close
      break if request == "quit"
    end
  end

  def ask(server, request)
    TCPSocket.open("127.0.0.1", server.local_address.ip_port) do |socket|
      socket.puts(request)
      Integer(socket.read)
    end
  end

  def master_handles(events, policy)
    type = Class.new(Handle) { fork_policy policy }
    [1, 20, 300].map { |number| type.new(events.raw(:masters)).tap { |handle| handle.write_int(number) } }
  end

  it "releases the master's handles in the master only, once, under :discard" do
    log = in_child do |events|
      events.sign(:master)
      @handles = master_handles(events, :discard)
      events << serve(events, 3, @handles).uniq
      events << :served
    end
    expect(log.count { |event| event[1] == :per_request }).to be 12
    expect(log.select { |event| event[1] == :own })
      .to match_array(Array.new(3) { |i| [:released, :own, :"worker_#{i}"] })
    expect(log.drop_while { |event| event != [321] })
      .to eq [[321], :served, *[%i[released masters master]] * 3]
    expect(log.count { |event| event[1] == :masters }).to be 3
  end

  it "releases the master's handles in each process, once, under :release" do
    log = in_child do |events|
      events.sign(:master)
      @handles = master_handles(events, :release)
      serve(events, 3, @handles)
    end
    expect(log.select { |event| event[1] == :masters }.tally.to_a)
      .to match_array(%i[worker_0 worker_1 worker_2 master].map { |who| [[:released, :masters, who], 3] })
  end

  it "can replace workers that end, and none of them touches the master's handles under :discard" do
    log = in_child do |events|
      events.sign(:master)
      @handles = master_handles(events, :discard)
      8.times do |i|
        in_fork_of(events, :"worker_#{i}") { @own = Handle.new(events.raw(:own), parent: nil) }
        out_of_reach { Handle.new(events.raw(:between)) }
        full_gc
      end
    end
    expect(log).to eq [
      *Array.new(8) { |i| [[:released, :own, :"worker_#{i}"], %i[released between master]] }.flatten(1),
      *[%i[released masters master]] * 3
    ]
  end

  # A worker that is told to go by a signal, as servers do.
  it "can end its workers by a signal that is handled, which is a normal end" do
    log = in_child do |events|
      events.sign(:master)
      @handles = master_handles(events, :discard)
      ready, tell = IO.pipe
      pid = fork do
        events.sign(:worker)
        @own = Handle.new(events.raw(:own))
        trap(:TERM) { exit }
        tell.write(".")
        sleep
      end
      ready.read(1)
      Process.kill(:TERM, pid)
      Process.wait(pid)
    end
    expect(log).to eq [%i[released own worker], *[%i[released masters master]] * 3]
  end
end
