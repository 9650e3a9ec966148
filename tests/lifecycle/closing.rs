//! How connections close, and what the row says of it (spec 4.4, 4.5).

use super::expect;

#[test]
fn two_acknowledged_fins_close_a_flow() {
    expect(
        " 0.000000 C>S [F.] seq 1001 ack 5001
          0.060000 S>C [F.] seq 5001 ack 1002
          0.100000 C>S [.] seq 1002 ack 5002
          5.100001 C>S [.] seq 1002 ack 5002   the linger is over
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=fin ipfix_end_reason=3
        c: pkts=2
        s: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1",
    );
}

#[test]
fn one_acknowledged_fin_does_not() {
    expect(
        " 0.000 C>S [F.] seq 1001 ack 5001
          0.060 S>C [F.] seq 5001 ack 1002
          0.100 C>S [.] seq 1002 ack 5001
         60.000 C>S [.] seq 1002 ack 5001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=3
        s: pkts=1",
    );
}

#[test]
fn payload_of_a_fin_has_to_be_acknowledged_too() {
    expect(
        " 0.000 C>S [F.] seq 1001:1011 (10) ack 5001
          0.060 S>C [F.] seq 5001 ack 1011   all but the FIN
          0.100 C>S [.] seq 1012 ack 5002
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof",
    );
}

#[test]
fn a_number_beyond_the_fin_acknowledges_it_across_the_wrap() {
    expect(
        " 0.000 C>S [F.] seq 4294967290 ack 5001
          0.060 S>C [F.] seq 5001 ack 20
          0.100 C>S [.] seq 4294967291 ack 5002
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=fin",
    );
}

#[test]
fn an_acknowledged_fin_stays_so_when_another_follows() {
    expect(
        " 0.000 C>S [F.] seq 1001 ack 5001
          0.060 S>C [.] seq 5001 ack 1002
          0.100 C>S [F.] seq 1101 ack 5001   another number, never acknowledged
          0.160 S>C [F.] seq 5001 ack 1002
          0.200 C>S [.] seq 1102 ack 5002
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=fin
        c: fin=2 seq_restart=true",
    );
}

#[test]
fn of_two_fins_the_latest_has_to_be_acknowledged() {
    expect(
        " 0.000 C>S [F.] seq 1001 ack 5001
          0.010 C>S [F.] seq 1101 ack 5001
          0.060 S>C [F.] seq 5001 ack 1002   the first one only
          0.100 C>S [.] seq 1102 ack 5002
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof",
    );
}

#[test]
fn a_reset_closes_a_flow_whatever_its_number() {
    expect(
        " 0.000 C>S [.] seq 1001 ack 5001
          0.010 S>C [R] seq 99999
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=rst ipfix_end_reason=3",
    );
}

#[test]
fn what_closed_a_flow_first_is_its_end_for_good() {
    expect(
        " 0.000 C>S [F.] seq 1001 ack 5001
          0.060 S>C [F.] seq 5001 ack 1002
          0.100 C>S [.] seq 1002 ack 5002
          0.110 S>C [R] seq 5002
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=fin
        s: rst=1",
    );
    expect(
        " 0.000 C>S [R.] seq 1001 ack 5001
          0.010 C>S [F.] seq 1001 ack 5001
          0.060 S>C [F.] seq 5001 ack 1002
          0.100 C>S [.] seq 1002 ack 5002
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=rst",
    );
}

#[test]
fn a_reset_that_acknowledges_the_last_fin_is_a_reset() {
    expect(
        " 0.000 C>S [F.] seq 1001 ack 5001
          0.060 S>C [F.] seq 5001 ack 1002
          0.100 C>S [R.] seq 1002 ack 5002
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=rst",
    );
}

#[test]
fn a_closed_flow_ends_as_it_closed_however_its_row_ends() {
    expect(
        " 0.000 C>S [R] seq 1001
          0.100 C>S [S] seq 7000   a new connection
          0.200 S>C [R.] seq 0 ack 7001
          9.000 C>S [.] seq 1001 ack 5001   silence
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=rst
        c: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=rst
        c: pkts=1
        s: pkts=1
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1",
    );
}

#[test]
fn a_connection_is_complete_with_both_syns_and_an_end_of_its_own() {
    let handshake = " 0.000 C>S [S] seq 1000
          0.060 S>C [S.] seq 5000 ack 1001";
    let row = "tcp 10.0.0.1:40000 > 198.51.100.2:80";
    for (then, ends) in [
        ("0.100 C>S [R] seq 1001", "end_reason=rst complete=true"),
        (
            "0.100 C>S [.] seq 1001 ack 5001",
            "end_reason=eof complete=false",
        ),
        (
            "400.000 C>S UDP length 1
             400.000 C>S UDP length 1",
            "end_reason=idle complete=true\nudp 10.0.0.1:40000 > 198.51.100.2:80",
        ),
        (
            "0.100 C>S [S] seq 7000",
            "end_reason=reuse complete=false\ntcp 10.0.0.1:40000 > 198.51.100.2:80",
        ),
    ] {
        expect(&format!("{handshake}\n{then}\n---\n{row} {ends}"));
    }
}

#[test]
fn a_reset_without_both_syns_completes_nothing() {
    expect(
        " 0.000 C>S [S] seq 1000
          0.050 S>C [R.] seq 0 ack 1001
        ---
        tcp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=rst complete=false half_duplex=false",
    );
}
