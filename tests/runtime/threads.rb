# threads.rb - threads, a queue, a mutex with a condition variable, a child per thread, a fiber: who came when.
require 'etc'
require 'securerandom'
require 'tempfile'
require 'timeout'

order = []
racy = 0
queue = SizedQueue.new(4)
mutex = Mutex.new
changed = ConditionVariable.new
turns = 0

workers = 3.times.map do |id|
  Thread.new do
    while (job = queue.pop)
      n = racy
      job.times { |i| n ^ i }
      racy = n + 1
      order << "#{id}:#{job}"
    end
  end
end
waiters = 2.times.map do |id|
  Thread.new do
    20.times do
      mutex.synchronize do
        changed.wait(mutex, 0.001)
        turns += 1
        order << "w#{id}"
        changed.signal
      end
    end
  end
end
runners = 2.times.map do |id|
  Thread.new { 3.times { order << "r#{id}:" + `echo #{id}`.strip } }
end
100.times { queue << rand(3000) }
3.times { queue << nil }
(workers + waiters + runners).each(&:join)

late = begin
  Timeout.timeout(0.01) { loop { racy ^= 1 } }
rescue Timeout::Error
  'late'
end
file = Tempfile.new('threads')
file.write(SecureRandom.hex)
file.close!
GC.start
raise 'lost' unless order.size == 100 + 40 + 6
puts [racy, turns, late, order.hash, order.join(' '), SecureRandom.hex(4), Process.clock_gettime(Process::CLOCK_MONOTONIC),
      GC.stat(:total_allocated_objects)].join(' ')
