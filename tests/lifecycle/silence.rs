//! The trace clock, and how long a silence a flow survives (spec 1, 4.1, 4.2, 4.5).

use super::expect;

#[test]
fn a_silence_as_long_as_the_time_out_ends_nothing() {
    expect(
        " 0.000 C>S UDP length 30
         10.000 C>S UDP length 30
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=2",
    );
}

#[test]
fn a_longer_one_ends_a_flow_of_one_datagram_as_a_singleton() {
    expect(
        " 0.000000 C>S UDP length 30
         10.000001 C>S UDP length 30
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=singleton ipfix_end_reason=1
        c: pkts=1
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof ipfix_end_reason=4
        c: pkts=1",
    );
}

#[test]
fn a_flow_of_two_datagrams_lives_for_200_seconds() {
    expect(
        "  0.000000 C>S UDP length 30
          10.000000 C>S UDP length 30
         210.000000 S>C UDP length 30
         410.000001 S>C UDP length 30
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=idle ipfix_end_reason=1
        c: pkts=2
        s: pkts=1
        udp 198.51.100.2:80 > 10.0.0.1:40000  end_reason=eof
        c: pkts=1",
    );
}

#[test]
fn bare_syns_from_one_side_are_a_singleton() {
    expect(
        " 0.000000 C>S [S] seq 1000
          3.000000 C>S [S] seq 1000
         13.000001 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=singleton ipfix_end_reason=1 complete=false
        c: pkts=2
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof client_by=internal
        c: pkts=1",
    );
}

#[test]
fn a_syn_that_was_answered_is_no_singleton() {
    expect(
        "  0.000000 C>S [S] seq 1000
           0.100000 S>C [S.] seq 5000 ack 1001
         300.100000 C>S [.] seq 1001 ack 5001
         600.100001 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=idle complete=true
        c: pkts=2
        s: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof midstream=true
        c: pkts=1",
    );
}

#[test]
fn bare_syns_from_both_sides_are_no_singleton() {
    expect(
        "  0.000 C>S [S] seq 1000
           0.010 S>C [S] seq 5000
         290.000 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=2
        s: pkts=1",
    );
}

#[test]
fn anything_beside_bare_syns_makes_a_flow_no_singleton() {
    expect(
        "  0.000 C>S [S] seq 1000
           0.100 C>S [.] seq 1001 ack 5001
         290.000 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof half_duplex=true
        c: pkts=3",
    );
}

#[test]
fn a_closed_flow_lingers_for_5_seconds() {
    expect(
        " 0.000000 C>S [S] seq 1000
          0.100000 S>C [R.] seq 0 ack 1001
          5.100000 C>S [.] seq 1001 ack 1
         10.100001 C>S [.] seq 1001 ack 1
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=rst
        c: pkts=2
        s: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1",
    );
}

#[test]
fn a_packet_before_the_flows_last_never_ends_it() {
    expect(
        " 1000.000 C>S UDP length 30
             0.000 C>S UDP length 30
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof durat_ns=1000000000000 clock_backsteps=1
        c: pkts=2",
    );
}

#[test]
fn the_trace_clock_ends_a_flow_that_a_late_stamp_would_join() {
    expect(
        "   0.000 C>S [.] seq 1001 ack 5001
          500.000 C>S UDP length 30
          500.100 C>S UDP length 30   the clock is at 500 s
            0.100 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=idle
        c: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1
        udp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts=2",
    );
}

#[test]
fn a_flow_whose_own_clock_lags_behind_is_not_cut_by_it() {
    expect(
        "   0.000 C>S UDP length 30
          500.000 C>S UDP length 30
          500.100 C>S UDP length 30
            0.100 C>S [.] seq 1001 ack 5001   begun when the clock was at 500 s
          700.000 C>S UDP length 30
          700.100 C>S UDP length 30
            0.300 C>S [.] seq 1001 ack 5001   touched 200 s ago by the trace's clock
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof durat_ns=200000000
        c: pkts=2
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=singleton
        c: pkts=1
        udp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts=4",
    );
}

#[test]
fn one_packet_that_is_far_ahead_does_not_move_the_clock() {
    expect(
        "    0.000 C>S [.] seq 1001 ack 5001
          9000.000 C>S UDP length 30
             0.500 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=2
        udp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts=1",
    );
}

#[test]
fn two_packets_in_a_row_that_are_ahead_do() {
    expect(
        "    0.000 C>S [.] seq 1001 ack 5001
          9000.000 C>S UDP length 30
          9000.100 C>S UDP length 30
             0.500 C>S [.] seq 1001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=idle
        c: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1
        udp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts=2",
    );
}

#[test]
fn after_two_packets_the_clock_is_at_the_earlier_one() {
    expect(
        " 1000.000 C>S UDP length 30
             0.000 C>S [.] seq 1001 ack 5001   touched at 0 s, not at 1000 s
           301.000 C>S UDP length 30
           302.000 C>S UDP length 30
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=idle
        c: pkts=1
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=3",
    );
}

#[test]
fn at_the_end_of_the_trace_the_clock_has_the_last_word() {
    // The very last packet's own time counts only up to its predecessor's.
    expect(
        "   0.000 C>S [.] seq 1001 ack 5001
          300.000 C>S UDP length 30
          900.000 C>S [.] seq 2001 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=idle
        c: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1",
    );
}

#[test]
fn a_flow_that_is_silent_for_long_before_the_end_is_idle_or_a_singleton() {
    expect(
        "   0.000000 C>S [S] seq 1000
            0.000000 C>S UDP length 30
            0.000000 S>C UDP length 30
          200.000001 C>S [S] seq 1000
          200.000001 C>S [S] seq 1000
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=singleton
        c: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=2
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=idle",
    );
}

#[test]
fn it_also_ends_one_whose_last_packet_was_later() {
    expect(
        "  10.000 C>S [.] seq 1001 ack 5001
          500.000 C>S UDP length 30
          500.100 C>S UDP length 30
            9.900 C>S [.] seq 1001 ack 5001   before the flow's last, but the clock has gone on
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=idle
        c: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1
        udp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts=2",
    );
}
