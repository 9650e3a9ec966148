//! Random traces for holding two trackers against each other.
//!
//! A trace is played from a list of small steps, each of which says what one side does next, so
//! that most of what comes out is nearly TCP, and a failing trace shrinks to a few lines. What
//! networks, hosts and captures do wrong is all there: segments lost before and behind the probe,
//! reordered, repeated and overlapping; keep-alives and closed windows; ports used again, half of
//! a conversation, odd flags; times that step back, jump, or just reach a time-out; fragments;
//! several flows at once.

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};

use super::play;
use super::tell::Trace;

/// What one side does next.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Which conversation: a place in `play::CONVERSATIONS`, taken round.
    pub conversation: usize,
    pub from_client: bool,
    pub wait: Wait,
    pub action: Action,
    pub dress: Dress,
}

/// Time before a step, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub microseconds: i64,
    /// The clock of this packet alone is off; the next one knows nothing of it.
    pub once: bool,
}

/// What a side does. In a UDP conversation all of it becomes datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// Acknowledges all but the last `behind` numbers, so many times in a row.
    Ack { behind: i32, times: u8 },
    /// Sends new payload in so many segments.
    Data { len: u16, push: bool, times: u8 },
    /// Sends payload that the probe does not see.
    Lost { len: u16 },
    /// Sends the oldest payload that was lost.
    Recover,
    /// Sends payload from `back` numbers before the next one on, with a new identification or the
    /// latest one.
    Again { back: u16, len: u16, same_id: bool },
    /// The packet before comes again, as the network repeats it.
    Duplicate { before: u8 },
    /// SYN, with an acknowledgment or without; `renumber` moves its number first.
    Syn { ack: bool, renumber: u16 },
    /// FIN after some payload; `again` repeats the number of the one before.
    Fin { len: u16, again: bool },
    /// RST; `ahead` numbers away from where it belongs.
    Rst { ack: bool, ahead: i32 },
    /// The number before the next one, as keep-alives have it.
    KeepAlive { byte: bool },
    /// One new byte that is sent again until it is taken.
    Probe,
    /// Tells another window.
    Window { window: u16 },
    /// Any flags at all, somewhere near the next number.
    Odd { flags: u8, ahead: i32, len: u8 },
    /// Another fragment of the conversation's latest first fragment, if it has one.
    Tail { len: u16 },
    /// A packet of another protocol.
    Foreign,
}

/// How a packet is dressed and captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dress {
    /// Bits that choose options.
    pub options: u8,
    pub window_scale: u8,
    /// Payload bytes that were not captured.
    pub cut: u16,
    pub ttl: u8,
    pub id: Id,
    pub fragment: Fragment,
    pub length: Length,
}

/// The identification of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Id {
    Own,
    Zero,
    Of(u16),
}

/// Whether a packet is a fragment; fragments of one conversation share few identifications.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fragment {
    No,
    First(u16),
    Later(u16),
}

/// What the length fields say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    Right,
    /// Left to segmentation offload.
    Offloaded,
    /// They contradict each other.
    Bad,
}

/// Traces with at most `most` steps.
pub(crate) fn traces(most: usize) -> impl Strategy<Value = Trace> {
    let first_numbers = prop_oneof![
        3 => Just([1000, 5000]),
        2 => (0_u32..400).prop_map(|back| [u32::MAX - back, 5000]),
        1 => (0_u32..400).prop_map(|back| [1000, u32::MAX - back]),
        1 => any::<[u32; 2]>(),
    ];
    // Behind so many steps, if at all.
    let opening =
        prop_oneof![2 => Just(Some(0)), 2 => (1_usize..6).prop_map(Some), 1 => Just(None)];
    // The trace clock treats the very first packet's time in its own way.
    let first_ahead = prop_oneof![9 => Just(0_i64), 1 => 0_i64..1_000_000_000];
    (first_numbers, opening, first_ahead, vec(step(), 1..=most)).prop_map(
        |(first_numbers, opening, first_ahead, mut steps)| {
            if let Some(at) = opening {
                let at = at.min(steps.len());
                steps.splice(at..at, handshake());
            }
            let mut packets = play::packets(first_numbers, &steps);
            if let Some(first) = packets.first_mut() {
                first.time += first_ahead * 1000;
            }
            Trace { packets }
        },
    )
}

/// SYN, SYN+ACK, ACK, 20 ms apart.
fn handshake() -> Vec<Step> {
    let acts = [
        (
            true,
            Action::Syn {
                ack: false,
                renumber: 0,
            },
        ),
        (
            false,
            Action::Syn {
                ack: true,
                renumber: 0,
            },
        ),
        (
            true,
            Action::Ack {
                behind: 0,
                times: 1,
            },
        ),
    ];
    acts.into_iter()
        .map(|(from_client, action)| Step {
            conversation: 0,
            from_client,
            wait: Wait {
                microseconds: 20_000,
                once: false,
            },
            action,
            dress: PLAIN,
        })
        .collect()
}

const PLAIN: Dress = Dress {
    options: 0,
    window_scale: 0,
    cut: 0,
    ttl: 64,
    id: Id::Own,
    fragment: Fragment::No,
    length: Length::Right,
};

fn step() -> impl Strategy<Value = Step> {
    let conversation = prop_oneof![6 => Just(0), 3 => 0_usize..play::CONVERSATIONS.len()];
    (conversation, any::<bool>(), wait(), action(), dress()).prop_map(
        |(conversation, from_client, wait, action, dress)| Step {
            conversation,
            from_client,
            wait,
            action,
            dress,
        },
    )
}

fn wait() -> BoxedStrategy<Wait> {
    let time_outs = [5, 10, 30, 200, 300].map(|seconds: i64| seconds * 1_000_000);
    let near_a_time_out =
        (0..time_outs.len(), -1_i64..=1).prop_map(move |(i, by)| time_outs[i] + by);
    let microseconds = prop_oneof![
        30 => 0_i64..2_000,
        25 => 10_000_i64..100_000,
        10 => 100_000_i64..1_500_000,
        4 => -100_000_i64..0,
        1 => near_a_time_out,
        1 => -20_000_000_i64..700_000_000,
    ];
    let once = prop_oneof![15 => Just(false), 1 => Just(true)];
    (microseconds, once)
        .prop_map(|(microseconds, once)| Wait { microseconds, once })
        .boxed()
}

fn action() -> BoxedStrategy<Action> {
    prop_oneof![
        8 => ack(),
        8 => (1_u16..300, any::<bool>(), 1_u8..4)
            .prop_map(|(len, push, times)| Action::Data { len, push, times }),
        4 => (1_u16..300).prop_map(|len| Action::Lost { len }),
        4 => Just(Action::Recover),
        5 => (1_u16..600, 1_u16..400, any::<bool>())
            .prop_map(|(back, len, same_id)| Action::Again { back, len, same_id }),
        3 => (1_u8..4).prop_map(|before| Action::Duplicate { before }),
        2 => handshake_part(),
        3 => closing(),
        2 => any::<bool>().prop_map(|byte| Action::KeepAlive { byte }),
        2 => Just(Action::Probe),
        2 => prop_oneof![2 => Just(0_u16), 1 => any::<u16>()]
            .prop_map(|window| Action::Window { window }),
        1 => (any::<u8>(), ahead(), 0_u8..30)
            .prop_map(|(flags, ahead, len)| Action::Odd { flags, ahead, len }),
        2 => (0_u16..100).prop_map(|len| Action::Tail { len }),
        1 => Just(Action::Foreign),
    ]
    .boxed()
}

fn ack() -> BoxedStrategy<Action> {
    let behind =
        prop_oneof![12 => Just(0), 6 => 1_i32..400, 2 => -500_i32..0, 1 => -i32::MAX..i32::MAX];
    (behind, 1_u8..6)
        .prop_map(|(behind, times)| Action::Ack { behind, times })
        .boxed()
}

/// Where a number stands, seen from the next one: there, near it, or anywhere.
fn ahead() -> BoxedStrategy<i32> {
    prop_oneof![4 => Just(0), 8 => -300_i32..300, 1 => any::<i32>()].boxed()
}

fn handshake_part() -> BoxedStrategy<Action> {
    let renumber = prop_oneof![3 => Just(0_u16), 1 => 1_u16..2000];
    (any::<bool>(), renumber)
        .prop_map(|(ack, renumber)| Action::Syn { ack, renumber })
        .boxed()
}

fn closing() -> BoxedStrategy<Action> {
    prop_oneof![
        4 => (0_u16..50, any::<bool>()).prop_map(|(len, again)| Action::Fin {
            len: len.saturating_sub(25),
            again
        }),
        1 => (any::<bool>(), ahead())
            .prop_map(|(ack, ahead)| Action::Rst { ack, ahead }),
    ]
    .boxed()
}

fn dress() -> BoxedStrategy<Dress> {
    let id = prop_oneof![6 => Just(Id::Own), 1 => Just(Id::Zero), 1 => (1_u16..4).prop_map(Id::Of)];
    let identification = prop_oneof![3 => Just(1_u16), 1 => Just(2_u16)];
    let fragment = prop_oneof![
        18 => Just(Fragment::No),
        2 => identification.clone().prop_map(Fragment::First),
        1 => identification.prop_map(Fragment::Later),
    ];
    let length = prop_oneof![
        30 => Just(Length::Right),
        1 => Just(Length::Offloaded),
        1 => Just(Length::Bad),
    ];
    let options = prop_oneof![2 => Just(0_u8), 1 => any::<u8>()];
    let cut = prop_oneof![8 => Just(0_u16), 1 => 1_u16..400];
    let ttl = prop_oneof![4 => Just(64_u8), 1 => any::<u8>()];
    (options, 0_u8..16, cut, ttl, id, fragment, length)
        .prop_map(
            |(options, window_scale, cut, ttl, id, fragment, length)| Dress {
                options,
                window_scale,
                cut,
                ttl,
                id,
                fragment,
                length,
            },
        )
        .boxed()
}
