//! Keep-alives, probes of a closed window, duplicate acknowledgements (spec 6.7).

use super::expect;

#[test]
fn one_new_byte_to_a_closed_window_is_a_probe() {
    expect(
        " 0.000 C>S [.] seq 1001 ack 5001
          0.010 S>C [.] seq 5001 ack 1001 win 0
          0.500 C>S [.] seq 1001:1002 (1) ack 5001
          1.500 C>S [.] seq 1001:1002 (1) ack 5001   the last byte again
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: zero_win_probes=2 keepalives=0",
    );
}

#[test]
fn two_bytes_or_an_older_one_are_no_probe() {
    expect(
        " 0.000 C>S [.] seq 1001:1011 (10) ack 5001
          0.010 S>C [.] seq 5001 ack 1011 win 0
          0.500 C>S [.] seq 1011:1013 (2) ack 5001
          0.600 C>S [.] seq 1005:1006 (1) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: zero_win_probes=0",
    );
}

#[test]
fn an_empty_probe_repeats_the_last_acknowledged_number() {
    expect(
        " 0.000 C>S [.] seq 1001:1011 (10) ack 5001
          0.010 S>C [.] seq 5001 ack 1011 win 0
          0.500 C>S [.] seq 1010 ack 5001
          0.600 C>S [.] seq 1011 ack 5001   an ordinary acknowledgement
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: zero_win_probes=1 keepalives=0",
    );
}

#[test]
fn an_empty_probe_needs_all_to_be_acknowledged() {
    expect(
        " 0.000 C>S [.] seq 1001:1011 (10) ack 5001
          0.010 S>C [.] seq 5001 ack 1005 win 0
          0.500 C>S [.] seq 1010 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: zero_win_probes=0 keepalives=0",
    );
}

#[test]
fn a_side_that_has_sent_nothing_probes_nothing() {
    expect(
        " 0.000 S>C [.] seq 5001 ack 1001 win 0
          0.010 C>S [.] seq 1001:1002 (1) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: zero_win_probes=0",
    );
}

#[test]
fn a_keep_alive_repeats_the_last_number_of_a_connection_at_rest() {
    expect(
        " 0.000 C>S [.] seq 1001:1011 (10) ack 5001
          0.010 S>C [.] seq 5001 ack 1011
         60.000 C>S [.] seq 1010 ack 5001
         60.010 S>C [.] seq 5001 ack 1011
        120.000 C>S [.] seq 1010:1011 (1) ack 5001   with its one byte
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: keepalives=2 zero_win_probes=0",
    );
}

#[test]
fn not_with_something_outstanding_or_without_ack_or_with_two_bytes() {
    expect(
        " 0.000 C>S [.] seq 1001:1011 (10) ack 5001
          0.010 C>S [.] seq 1010 ack 5001   not acknowledged yet
          0.020 S>C [.] seq 5001 ack 1011
          0.030 C>S [] seq 1010
          0.040 C>S [.] seq 1010:1012 (2) ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: keepalives=0",
    );
}

#[test]
fn the_third_duplicate_ack_makes_a_triple_once() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [.] seq 1201:1301 (100) ack 5001
          0.060 S>C [.] seq 5001 ack 1101
          0.061 S>C [.] seq 5001 ack 1101
          0.062 S>C [.] seq 5001 ack 1101
          0.063 S>C [.] seq 5001 ack 1101
          0.064 S>C [.] seq 5001 ack 1101
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        c: dup_acks=0
        s: dup_acks=4 triple_dup_acks=1",
    );
}

#[test]
fn another_ack_ends_the_run() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [.] seq 1201:1301 (100) ack 5001
          0.060 S>C [.] seq 5001 ack 1101
          0.061 S>C [.] seq 5001 ack 1101
          0.062 S>C [.] seq 5001 ack 1101
          0.063 S>C [.] seq 5001 ack 1102
          0.064 S>C [.] seq 5001 ack 1102
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        s: dup_acks=3 triple_dup_acks=0",
    );
}

#[test]
fn something_else_with_the_same_ack_does_not() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [.] seq 1201:1301 (100) ack 5001
          0.060 S>C [.] seq 5001 ack 1101
          0.061 S>C [.] seq 5001 ack 1101
          0.062 S>C [.] seq 5001 ack 1101
          0.063 S>C [.] seq 5001:5011 (10) ack 1101   payload: no duplicate
          0.064 S>C [.] seq 5011 ack 1101
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        s: dup_acks=3 triple_dup_acks=1",
    );
}

#[test]
fn a_duplicate_ack_shows_the_window_of_the_one_before() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.010 C>S [.] seq 1201:1301 (100) ack 5001
          0.060 S>C [.] seq 5001 ack 1101 win 1000
          0.061 S>C [.] seq 5001 ack 1101 win 2000   an update
          0.062 S>C [.] seq 5001 ack 1101 win 2000
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        s: dup_acks=1",
    );
}

#[test]
fn a_duplicate_ack_needs_something_outstanding() {
    expect(
        " 0.000 C>S [.] seq 1001:1101 (100) ack 5001
          0.060 S>C [.] seq 5001 ack 1101
          0.061 S>C [.] seq 5001 ack 1101
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80
        s: dup_acks=0",
    );
}
