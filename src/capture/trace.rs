//! One trace: following its records, and finding the way back where they cannot be followed.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::chain;
use super::format::{Format, Found, HEAD_LEN, Step, add, describe_stranger};
use super::inputs::{ReadOptions, Take};
use super::packet::{Era, LinkType, Packet, Timestamp};
use super::pcap::Pcap;
use super::prefetch::fetch_ahead;
use super::progress::Progress;
use super::report::{Damage, DamageReason, TraceReport};
use super::source::Source;
use super::stop::Stop;
use super::stretch::{Here, Next};
use super::walk::{Seen, Walk};
use super::window::Window;
use crate::error::Error;

/// Bytes after which the progress is told and a mapped file is looked at again.
const TICK_BYTES: usize = 4 << 20;

/// Bytes of a mapped file whose memory is given back together.
const LEFT_BYTES: usize = 64 << 20;
/// How far ahead of the reading bytes are asked for: further than two workers read ahead, mostly.
const ASKED_BYTES: usize = 32 << 20;

/// A trace that is being read.
pub(crate) struct Trace {
    window: Window,
    format: Format,
    /// How many there were before it.
    formats: u64,
    /// Places in it are those in the window.
    walk: Walk,
    /// Where the progress is told next.
    tick: usize,
    /// Up to where the memory of a mapped file was given back.
    left: usize,
    /// Up to where bytes of a mapped file were asked for.
    asked: usize,
    /// Up to where packets are taken one by one.
    until: usize,
    found: Found,
    /// That of the latest packet.
    link_type: LinkType,
    /// `found` was looked at, but not yet taken.
    held: bool,
    /// The next record was found odd when the one before it was read.
    doubtful: bool,
    /// The latest damage waits for the packet after it.
    gap_open: bool,
    strict: bool,
    stop: Stop,
    progress: Option<Arc<Progress>>,
    /// Bytes that `progress` has been told.
    told: u64,
    size: Option<u64>,
    report: TraceReport,
}

/// What came of a step that did not simply find a packet.
enum Turn {
    Packet,
    Again,
    End,
}

impl Trace {
    /// Reads the file header of `source`. Fails if there is none.
    pub(crate) fn begin(
        path: PathBuf,
        source: Source,
        options: &ReadOptions,
    ) -> Result<Self, Error> {
        let Source {
            mut window,
            compression,
            size,
        } = source;
        let at = window
            .fill(0, HEAD_LEN, &options.stop)
            .map_err(Error::io(&path, "read"))?;
        let head = window.bytes().get(at..).unwrap_or_default();
        let Some((format, header_len)) = Format::detect(head) else {
            let reason = match (compression, window.trouble()) {
                (Some(compression), Some(what)) => {
                    format!("the {compression} data cannot be decompressed: {what}")
                }
                _ => describe_stranger(head),
            };
            return Err(Error::Capture {
                path,
                offset: 0,
                reason,
            });
        };
        Ok(Self {
            walk: Walk::new(at + header_len),
            window,
            format,
            formats: 0,
            tick: 0,
            left: 0,
            asked: 0,
            until: 0,
            found: Found::NOTHING,
            link_type: Found::NOTHING.link_type,
            held: false,
            doubtful: false,
            gap_open: false,
            strict: options.strict,
            stop: options.stop.clone(),
            progress: None,
            told: 0,
            size,
            report: TraceReport {
                path,
                compression,
                ..TraceReport::default()
            },
        })
    }

    /// Tells `progress` from now on.
    pub(crate) fn tell(&mut self, progress: Arc<Progress>) {
        self.progress = Some(progress);
    }

    /// The time of the next packet, which stays the next one; `None` if there is none.
    pub(crate) fn peek(&mut self) -> Result<Option<Timestamp>, Error> {
        self.held = self.advance()?;
        Ok(self.held.then_some(self.found.time))
    }

    /// Goes on to the next packet; false at the end.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<bool, Error> {
        if self.held {
            self.held = false;
            return Ok(true);
        }
        loop {
            let bytes = self.window.bytes();
            self.walk.reached = fetch_ahead(bytes, self.walk.at, self.walk.reached);
            match self
                .format
                .step(bytes, self.walk.at, self.window.ended(), &mut self.found)
            {
                Step::Packet if !self.doubtful => {
                    self.take()?;
                    return Ok(true);
                }
                Step::Skip(next) => {
                    self.walk.at = next;
                    self.tick_if_due()?;
                }
                step => match self.work_around(step)? {
                    Turn::Packet => return Ok(true),
                    Turn::Again => {}
                    Turn::End => return Ok(false),
                },
            }
        }
    }

    /// Gives `take` the packets that are left, until it breaks off.
    #[inline]
    pub(crate) fn read<T: Take>(&mut self, take: &mut T) -> Result<ControlFlow<T::Broken>, Error> {
        loop {
            let mut taken = self.ask(take)?;
            if taken.is_continue() && matches!(self.format, Format::Pcap(_)) && self.can_ask() {
                taken = self.read_plain(take);
            }
            if taken.is_continue() && (self.walk.at < self.until || !self.can_ask()) {
                if !self.advance()? {
                    return Ok(ControlFlow::Continue(()));
                }
                taken = take.packet(self.packet());
            }
            if taken.is_break() {
                return Ok(taken);
            }
        }
    }

    /// Nothing about the next packet has to be looked at closer, as far as is known.
    #[inline]
    fn can_ask(&self) -> bool {
        let is_open = self.held || self.doubtful || self.gap_open;
        !is_open && self.format.can_split(self.link_type)
    }

    /// Asks `take` up to where packets are wanted one by one, once that place is reached.
    #[inline]
    fn ask<T: Take>(&mut self, take: &mut T) -> Result<ControlFlow<T::Broken>, Error> {
        while self.walk.at >= self.until && self.can_ask() {
            self.tick_if_due()?;
            let next = self.here().map(|here| take.next(&here));
            let (until, limit) = match next {
                // Of a stream there is no more than a window.
                None => (self.tick, 0),
                Some(ControlFlow::Continue(Next::Ask(until))) => (until, usize::MAX),
                Some(ControlFlow::Continue(Next::Read(until))) => (until, until),
                Some(ControlFlow::Continue(Next::Taken(extent))) => {
                    self.walk.skip(extent.end, &extent.seen);
                    continue;
                }
                Some(ControlFlow::Break(value)) => return Ok(ControlFlow::Break(value)),
            };
            self.until = until.min(self.tick);
            self.walk.limit(limit);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Gives `take` packets of a plain pcap file, up to where something has to be looked at closer:
    /// that is left to [`Trace::advance`].
    #[inline]
    fn read_plain<T: Take>(&mut self, take: &mut T) -> ControlFlow<T::Broken> {
        let window = &self.window;
        let (bytes, are_lost) = (window.bytes(), || window.has_lost_pages());
        self.walk
            .follow(&self.format, bytes, self.until, are_lost, take)
    }

    /// Where a mapped file is read.
    fn here(&self) -> Option<Here<'_>> {
        Some(Here {
            mapping: self.window.mapping()?,
            format: &self.format,
            formats: self.formats,
            link_type: self.link_type,
            at: self.walk.at,
            near: self.walk.seen.era()?,
            packets: self.walk.seen.packets,
        })
    }

    /// The packet that [`Trace::advance`] went to.
    #[inline]
    pub(crate) fn packet(&self) -> Packet<'_> {
        self.found.packet(self.window.bytes())
    }

    /// What was found out, up to the packet at hand.
    pub(crate) fn finish(mut self) -> TraceReport {
        self.tell_progress();
        let Seen {
            packets,
            first,
            last,
            ..
        } = self.walk.seen;
        self.report.bytes = self
            .size
            .unwrap_or_else(|| self.window.disk_bytes(self.walk.at));
        self.report.packets = packets;
        self.report.first = (packets > 0).then_some(first);
        self.report.last = (packets > 0).then_some(last);
        self.format.describe(&mut self.report);
        self.report
    }

    #[inline]
    fn take(&mut self) -> Result<(), Error> {
        self.tick_if_due()?;
        let found = &self.found;
        self.walk.seen.add(found.time);
        if found.link_type != self.link_type {
            self.link_type = found.link_type;
            add(&mut self.report.link_types, found.link_type);
        }
        self.walk.at = found.next;
        if self.gap_open {
            self.close_gap();
        }
        Ok(())
    }

    #[cold]
    fn work_around(&mut self, step: Step) -> Result<Turn, Error> {
        match step {
            Step::Packet => return self.resolve(false),
            Step::Suspect => return self.resolve(true),
            Step::Skip(next) => self.walk.at = next,
            Step::Unusable(next, reason) => {
                self.note(
                    self.window.offset(self.walk.at),
                    (next - self.walk.at) as u64,
                    reason,
                )?;
                self.walk.at = next;
            }
            Step::Odd(reason) => self.note(self.window.offset(self.walk.at), 0, reason)?,
            Step::More(_) if self.window.ended() => return self.end(),
            Step::More(needed) => self.fill(needed)?,
            Step::Broken(reason) => self.recover(reason)?,
        }
        Ok(Turn::Again)
    }

    /// Has `needed` bytes from the cursor on in the window, if the trace has so many.
    fn fill(&mut self, needed: usize) -> Result<(), Error> {
        self.walk.at = self
            .window
            .fill(self.walk.at, needed, &self.stop)
            .map_err(Error::io(&self.report.path, "read"))?;
        self.walk.reached = self.walk.at;
        (self.tick, self.until) = (0, 0);
        Ok(())
    }

    /// Decides about a packet that is odd, or after which something odd stands: does a chain of
    /// records begin inside it?
    fn resolve(&mut self, odd_behind: bool) -> Result<Turn, Error> {
        let found = self.found;
        let needed = found.next - self.walk.at + chain::LOOK_AHEAD;
        if !self.window.ended() && self.window.bytes().len() - self.walk.at < needed {
            self.fill(needed)?;
            return Ok(Turn::Again);
        }
        let near = self.walk.seen.era().or(Some(Era::of(found.time)));
        let (bytes, ended) = (self.window.bytes(), self.window.ended());
        let Some(place) = chain::find(&self.format, bytes, found.start..found.next, ended, near)
        else {
            self.doubtful = odd_behind;
            self.take()?;
            return Ok(Turn::Packet);
        };
        self.doubtful = false;
        let len = u32::try_from(found.end - found.start).unwrap_or(u32::MAX);
        self.note(
            self.window.offset(self.walk.at),
            (place - self.walk.at) as u64,
            DamageReason::Overlong(len),
        )?;
        self.walk.at = place;
        Ok(Turn::Again)
    }

    /// No more bytes: what is left is no packet, unless it is one that reaches over others.
    fn end(&mut self) -> Result<Turn, Error> {
        self.check_whole()?;
        if self.stop.is_stopped() {
            return Ok(Turn::End);
        }
        if self.walk.at < self.window.bytes().len() {
            self.recover(DamageReason::CutShort)?;
            return Ok(Turn::Again);
        }
        if let Some(what) = self.window.take_trouble() {
            self.note(
                self.window.offset(self.walk.at),
                0,
                DamageReason::Compression(what),
            )?;
        }
        Ok(Turn::End)
    }

    /// Goes to where records can be followed again: another capture that begins here, or the next
    /// chain.
    fn recover(&mut self, reason: DamageReason) -> Result<(), Error> {
        // What is gone of a mapped file looks like damage.
        self.check_whole()?;
        self.fill(chain::LOOK_AHEAD)?;
        if self.begin_other() {
            return Ok(());
        }
        let start = self.window.offset(self.walk.at);
        if self.strict {
            return self.note(start, 0, reason);
        }
        let (near, mut candidate) = (self.walk.seen.era(), self.walk.at + 1);
        loop {
            candidate = self
                .window
                .fill(candidate, chain::LOOK_AHEAD, &self.stop)
                .map_err(Error::io(&self.report.path, "read"))?;
            self.walk.at = candidate;
            self.tick_if_due()?;
            let (bytes, ended) = (self.window.bytes(), self.window.ended());
            let there = if ended {
                bytes.len()
            } else {
                (bytes.len() + 1).saturating_sub(chain::LOOK_AHEAD)
            };
            let limit = there.min(candidate.saturating_add(TICK_BYTES));
            let place = chain::find(&self.format, bytes, candidate..limit, ended, near);
            if place.is_some() || (ended && limit == there) {
                self.walk.at = place.unwrap_or(bytes.len());
                self.walk.reached = self.walk.at;
                return self.note(
                    start,
                    self.window.offset(self.walk.at).wrapping_sub(start),
                    reason,
                );
            }
            candidate = limit.max(candidate);
        }
    }

    /// Goes on with the format whose file header stands at the cursor; false if none does.
    fn begin_other(&mut self) -> bool {
        let bytes = self.window.bytes();
        let head = bytes.get(self.walk.at..).unwrap_or_default();
        // A pcapng file goes from section to section by itself: one that it stumbles over is
        // broken.
        let other = match self.format {
            Format::Pcap(_) => Pcap::capture_begins(bytes, self.walk.at),
            Format::PcapNg(_) => {
                Pcap::file_header_at(bytes, self.walk.at)
                    && chain::other_holds(bytes, self.walk.at, self.window.ended(), None)
            }
        };
        let Some((format, header_len)) = Format::detect(head).filter(|_| other) else {
            return false;
        };
        self.report.packets = self.walk.seen.packets;
        self.format.describe(&mut self.report);
        self.format = format;
        self.formats += 1;
        self.walk.at += header_len;
        true
    }

    /// Notes a damage, which is an error if the user wants it to be.
    fn note(&mut self, offset: u64, bytes: u64, reason: DamageReason) -> Result<(), Error> {
        if self.strict {
            let path = self.report.path.clone();
            return Err(Error::Capture {
                path,
                offset,
                reason: reason.to_string(),
            });
        }
        let before = (self.walk.seen.packets > 0).then_some(self.walk.seen.latest);
        self.report.note(Damage {
            offset,
            bytes,
            reason,
            before,
            after: None,
        });
        self.gap_open = true;
        Ok(())
    }

    #[cold]
    fn close_gap(&mut self) {
        self.gap_open = false;
        let waiting = self
            .report
            .damage
            .iter_mut()
            .rev()
            .take_while(|damage| damage.after.is_none());
        waiting.for_each(|damage| damage.after = Some(self.walk.seen.latest));
    }

    #[inline]
    fn tick_if_due(&mut self) -> Result<(), Error> {
        if self.walk.at >= self.tick || self.window.has_lost_pages() {
            self.tick()?;
        }
        Ok(())
    }

    #[cold]
    fn tick(&mut self) -> Result<(), Error> {
        self.tick = self.walk.at + TICK_BYTES;
        self.tell_progress();
        if let Some(mapping) = self.window.mapping() {
            let read = self.walk.at / LEFT_BYTES * LEFT_BYTES;
            if read > self.left {
                mapping.leave(self.left..read);
                self.left = read;
            }
            let wanted = self.walk.at + ASKED_BYTES;
            if wanted > self.asked {
                mapping.ask_for(self.asked.max(self.walk.at)..wanted);
                self.asked = wanted;
            }
        }
        // A stream looks for itself, and ends behind the last packet that has come.
        if !self.window.is_streamed() {
            let path = &self.report.path;
            self.stop.check().map_err(Error::io(path, "read"))?;
        }
        self.check_whole()
    }

    /// An error if a mapped file has lost bytes, which may have been read as zeros.
    fn check_whole(&self) -> Result<(), Error> {
        let path = &self.report.path;
        if self.window.is_whole().map_err(Error::io(path, "read"))? {
            return Ok(());
        }
        let reason = "the file was cut short while it was read; `--io read` can follow such files"
            .to_owned();
        Err(Error::Capture {
            path: path.clone(),
            offset: self.window.offset(self.walk.at),
            reason,
        })
    }

    fn tell_progress(&mut self) {
        let disk_bytes = self.window.disk_bytes(self.walk.at);
        if let Some(progress) = &self.progress {
            progress.advance(disk_bytes.saturating_sub(self.told));
        }
        self.told = disk_bytes;
    }
}
