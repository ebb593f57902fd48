;; An inert WASI preview 1, for core modules that were built for `wasm32-wasip1`.
;;
;; Standard libraries of Go, C, C++ and others ask for a clock, random bytes and files as they start. An algorithm must not
;; get them: the same round gives the same trades, on every machine and in every year. Here every function of preview 1
;; answers, always in the same way:
;;
;; - the clock begins at the same time and moves on by a microsecond with every look at it; who sleeps wakes at once, at
;;   the time that it asked for;
;; - random bytes are those of a generator that always begins with the same seed;
;; - there are no arguments, no environment, no files and no sockets; stdin is at its end;
;; - stdout and stderr are the sandbox's log;
;; - leaving the program ends the run as a failure.
;;
;; The encoder keeps only what the module calls. All of this module's state is in its globals: it may have no memory of its
;; own, and must not touch the module's but where that asks for it. Numbers of errors are those of preview 1.
(module
  ;; The memory of the module that is wrapped.
  (import "env" "memory" (memory 0))
  (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $get-stderr (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param $stream i32) (param $bytes i32) (param $length i32) (param $answer i32)))
  (import "wasi:cli/exit@0.2.0" "exit" (func $exit (param $has-failed i32)))

  (global $success i32 (i32.const 0))
  (global $EBADF i32 (i32.const 8))
  (global $EINVAL i32 (i32.const 28))
  (global $ESPIPE i32 (i32.const 70))

  ;; stdin, stdout and stderr are 0, 1 and 2; nothing else is open.
  (func $is-open (param $fd i32) (result i32)
    (i32.lt_u (local.get $fd) (i32.const 3)))

  ;; Success for the three streams, "bad file descriptor" for all others.
  (func $of-stream (param $fd i32) (result i32)
    (select (global.get $success) (global.get $EBADF) (call $is-open (local.get $fd))))

  ;; ---- Clocks

  ;; Nanoseconds since 1970, for all clocks: 2000-01-01T00:00:00Z. Not 0, which some take for "not set".
  (global $now (mut i64) (i64.const 946684800000000000))
  ;; The last time that fits a signed number, with room for what is added to it.
  (global $end-of-time i64 (i64.const 0x7ffffffff0000000))

  ;; Moves the clocks on to a time, never back.
  (func $move-to (param $time i64)
    (if (i64.gt_u (local.get $time) (global.get $end-of-time))
      (then (local.set $time (global.get $end-of-time))))
    (if (i64.gt_u (local.get $time) (global.get $now))
      (then (global.set $now (local.get $time)))))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $time i32) (result i32)
    (if (i32.gt_u (local.get $clock) (i32.const 3)) (then (return (global.get $EINVAL))))
    (call $move-to (i64.add (global.get $now) (i64.const 1000)))
    (i64.store (local.get $time) (global.get $now))
    (global.get $success))

  (func (export "clock_res_get") (param $clock i32) (param $resolution i32) (result i32)
    (if (i32.gt_u (local.get $clock) (i32.const 3)) (then (return (global.get $EINVAL))))
    (i64.store (local.get $resolution) (i64.const 1000))
    (global.get $success))

  ;; Waits for nothing: every event has happened. The clocks are then at the latest of the times that were waited for.
  ;; A subscription has 48 bytes: user data, then at 8 its kind (0 is a clock), then at 16 a descriptor, or at 24 the time
  ;; and at 40 whether it counts from 1970 (1) or from now (0). An event has 32: user data, at 8 an error, at 10 the kind.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $happened i32) (result i32)
    (local $left i32) (local $time i64) (local $error i32)
    (if (i32.eqz (local.get $count)) (then (return (global.get $EINVAL))))
    (i32.store (local.get $happened) (local.get $count))
    (local.set $left (local.get $count))
    (loop $next
      (if (i32.load8_u offset=8 (local.get $in))
        (then (local.set $error (call $of-stream (i32.load offset=16 (local.get $in)))))
        (else
          (local.set $error (global.get $success))
          (local.set $time (i64.load offset=24 (local.get $in)))
          (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $in)) (i32.const 1)))
            (then (local.set $time (i64.add (local.get $time) (global.get $now)))))
          (call $move-to (local.get $time))))
      (i64.store (local.get $out) (i64.load (local.get $in)))
      (i64.store offset=8 (local.get $out)
        (i64.extend_i32_u
          (i32.or (local.get $error) (i32.shl (i32.load8_u offset=8 (local.get $in)) (i32.const 16)))))
      (i64.store offset=16 (local.get $out) (i64.const 0))
      (i64.store offset=24 (local.get $out) (i64.const 0))
      (local.set $in (i32.add (local.get $in) (i32.const 48)))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (global.get $success))

  (func (export "sched_yield") (result i32) (global.get $success))

  ;; ---- Random bytes: the upper eight bits of a linear congruential generator (Knuth's MMIX).

  (global $random (mut i64) (i64.const 0x5eed))

  (func (export "random_get") (param $bytes i32) (param $length i32) (result i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $bytes) (local.get $length)))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $bytes) (local.get $end)))
        (global.set $random
          (i64.add (i64.mul (global.get $random) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
        (i64.store8 (local.get $bytes) (i64.shr_u (global.get $random) (i64.const 56)))
        (local.set $bytes (i32.add (local.get $bytes) (i32.const 1)))
        (br $next)))
    (global.get $success))

  ;; ---- Arguments and environment: none

  (func $none (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (global.get $success))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func (export "args_get") (param i32 i32) (result i32) (global.get $success))
  (func (export "environ_get") (param i32 i32) (result i32) (global.get $success))

  ;; ---- The three streams

  ;; The log's handle; 0 until something is written.
  (global $log (mut i32) (i32.const 0))

  ;; Writes into the log, at most 4096 bytes at a time, as the interface asks. Its answer is of no interest, but needs
  ;; twelve bytes of memory: the first ones, which are put back.
  (func $write-to-log (param $bytes i32) (param $length i32)
    (local $part i32) (local $kept-at-0 i64) (local $kept-at-8 i32)
    (if (i32.eqz (global.get $log)) (then (global.set $log (call $get-stderr))))
    (local.set $kept-at-0 (i64.load (i32.const 0)))
    (local.set $kept-at-8 (i32.load (i32.const 8)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $part
          (select (local.get $length) (i32.const 4096) (i32.lt_u (local.get $length) (i32.const 4096))))
        (call $write (global.get $log) (local.get $bytes) (local.get $part) (i32.const 0))
        (i64.store (i32.const 0) (local.get $kept-at-0))
        (i32.store (i32.const 8) (local.get $kept-at-8))
        (local.set $bytes (i32.add (local.get $bytes) (local.get $part)))
        (local.set $length (i32.sub (local.get $length) (local.get $part)))
        (br $next))))

  ;; Both streams are the log: a result on a program's stdout stays free of them. A vector has eight bytes: address and
  ;; length.
  (func (export "fd_write") (param $fd i32) (param $vectors i32) (param $count i32) (param $written i32) (result i32)
    (local $total i32)
    (if (i32.or (i32.eqz (local.get $fd)) (i32.eqz (call $is-open (local.get $fd))))
      (then (return (global.get $EBADF))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $write-to-log (i32.load (local.get $vectors)) (i32.load offset=4 (local.get $vectors)))
        (local.set $total (i32.add (local.get $total) (i32.load offset=4 (local.get $vectors))))
        (local.set $vectors (i32.add (local.get $vectors) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $total))
    (global.get $success))

  (func (export "fd_read") (param $fd i32) (param $vectors i32) (param $count i32) (param $read i32) (result i32)
    (if (local.get $fd) (then (return (global.get $EBADF))))
    (i32.store (local.get $read) (i32.const 0))
    (global.get $success))

  ;; Three terminals, as far as anybody asks: kind 2 in the first byte, and at 8 the right to read (2) or to write (64).
  (func (export "fd_fdstat_get") (param $fd i32) (param $stat i32) (result i32)
    (if (i32.eqz (call $is-open (local.get $fd))) (then (return (global.get $EBADF))))
    (i64.store (local.get $stat) (i64.const 2))
    (i64.store offset=8 (local.get $stat) (select (i64.const 64) (i64.const 2) (local.get $fd)))
    (i64.store offset=16 (local.get $stat) (i64.const 0))
    (global.get $success))

  ;; 64 bytes: at 16 the kind, at 24 the number of links; no times, no size.
  (func (export "fd_filestat_get") (param $fd i32) (param $stat i32) (result i32)
    (if (i32.eqz (call $is-open (local.get $fd))) (then (return (global.get $EBADF))))
    (i64.store (local.get $stat) (i64.const 0))
    (i64.store offset=8 (local.get $stat) (i64.extend_i32_u (local.get $fd)))
    (i64.store offset=16 (local.get $stat) (i64.const 2))
    (i64.store offset=24 (local.get $stat) (i64.const 1))
    (i64.store offset=32 (local.get $stat) (i64.const 0))
    (i64.store offset=40 (local.get $stat) (i64.const 0))
    (i64.store offset=48 (local.get $stat) (i64.const 0))
    (i64.store offset=56 (local.get $stat) (i64.const 0))
    (global.get $success))

  (export "fd_close" (func $of-stream))
  (export "fd_datasync" (func $of-stream))
  (export "fd_sync" (func $of-stream))
  (func (export "fd_fdstat_set_flags") (param $fd i32) (param i32) (result i32) (call $of-stream (local.get $fd)))

  (func $seek (param $fd i32) (result i32)
    (select (global.get $ESPIPE) (global.get $EBADF) (call $is-open (local.get $fd))))
  (func (export "fd_seek") (param $fd i32) (param i64 i32 i32) (result i32) (call $seek (local.get $fd)))
  (func (export "fd_tell") (param $fd i32) (param i32) (result i32) (call $seek (local.get $fd)))

  ;; ---- The end

  (func (export "proc_exit") (param $code i32)
    (call $exit (i32.ne (local.get $code) (i32.const 0)))
    unreachable)
  (func (export "proc_raise") (param i32) (result i32) unreachable)

  ;; ---- Files, directories and sockets: none is open

  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (global.get $EBADF))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (global.get $EBADF))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (global.get $EBADF))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (global.get $EBADF))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (global.get $EBADF))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (global.get $EBADF))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (global.get $EBADF))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (global.get $EBADF))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (global.get $EBADF))
  (func (export "fd_renumber") (param i32 i32) (result i32) (global.get $EBADF))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (global.get $EBADF))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (global.get $EBADF))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (global.get $EBADF))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (global.get $EBADF)))
