//! Later fragments, and the flows they belong to (spec 3.5).

use super::expect;

#[test]
fn a_later_fragment_joins_for_30_seconds() {
    expect(
        "  0.000000 C>S UDP length 30
           0.050000 S>C UDP length 3000, first fragment, 1480 bytes of it, id 500
          30.050000 S>C UDP fragment offset 1480, 1480 bytes, id 500
          30.050001 S>C UDP fragment offset 2960, 48 bytes, id 500   too late
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1
        s: pkts=1 bytes=3000 bytes_ip=3000 frag_pkts=1",
    );
}

#[test]
fn a_later_fragment_changes_neither_times_nor_packets() {
    expect(
        " 0.000 C>S UDP length 3000, first fragment, 1480 bytes of it, id 7
          5.000 C>S UDP fragment offset 1480, 1528 bytes, id 7
         10.500 C>S UDP length 30   10.5 s after the only packet
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=singleton durat_ns=0
        c: pkts=1 frag_pkts=1 bytes=3000 bytes_ip=3048
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1 frag_pkts=0",
    );
}

#[test]
fn a_later_fragment_after_the_flows_time_out_is_an_orphan_and_ends_nothing() {
    expect(
        "  0.000000 C>S UDP length 3000, first fragment, 1480 bytes of it, id 7
          10.000001 C>S UDP fragment offset 1480, 1528 bytes, id 7
          10.000000 C>S UDP length 30   just in time
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=2 frag_pkts=0",
    );
}

#[test]
fn a_later_fragment_of_a_flow_that_ended_is_an_orphan() {
    expect(
        "  0.000 C>S UDP length 3000, first fragment, 1480 bytes of it, id 7
          11.000 C>S UDP length 30   the key has a new flow
          11.001 C>S UDP fragment offset 1480, 1528 bytes, id 7
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=singleton
        c: pkts=1 frag_pkts=0
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=1 frag_pkts=0",
    );
}

#[test]
fn the_latest_first_fragment_has_the_key() {
    expect(
        "  0.000 C>S UDP length 3000, first fragment, 1480 bytes of it, id 7
           0.010 S>C UDP length 30
          25.000 C>S UDP length 3000, first fragment, 1480 bytes of it, id 7
          50.000 C>S UDP fragment offset 1480, 1528 bytes, id 7
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80  end_reason=eof
        c: pkts=2 frag_pkts=1",
    );
}

#[test]
fn the_other_direction_has_keys_of_its_own() {
    expect(
        " 0.000 C>S UDP length 3000, first fragment, 1480 bytes of it, id 7
          0.010 S>C UDP fragment offset 1480, 1528 bytes, id 7
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80  reply=c_only
        c: frag_pkts=0
        s: pkts=0 frag_pkts=0",
    );
}

#[test]
fn a_later_fragment_before_its_first_one_is_an_orphan() {
    expect(
        " 0.000 C>S UDP fragment offset 1480, 1528 bytes, id 7
          0.001 C>S UDP length 3000, first fragment, 1480 bytes of it, id 7
        ---
        udp 10.0.0.1:40000 > 198.51.100.2:80
        c: pkts=1 frag_pkts=0",
    );
}

#[test]
fn a_first_fragment_is_counted_with_the_length_of_its_datagram() {
    expect(
        "# c = [2001:db8::1]:40000, s = [2001:db8::2]:53
         0.000 C>S UDP length 3000, first fragment, 1480 bytes of it, id 7
        ---
        udp [2001:db8::1]:40000 > [2001:db8::2]:53  bad_len_pkts=0
        c: pkts=1 bytes=3000 bytes_ip=1528",
    );
}
