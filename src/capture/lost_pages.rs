//! What happens when a mapped file is cut short by somebody else: the kernel sends SIGBUS to who
//! touches a page that is no longer there, and would end the process without a word.
//!
//! A handler puts pages of zeros in their place and remembers that it did: the reader finds out at
//! its next look and reports the file. Faults elsewhere go where they went before.

use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Mappings that can be watched at a time. A run has one or two, and for moments those whose memory is just
/// being given back.
const WATCHED_MAX: usize = 64;

/// A mapping that the handler knows of.
struct Slot {
    /// Whether somebody has it, which is nobody's business but the owners'.
    taken: AtomicBool,
    /// Address; 0 while the handler shall not look at the slot.
    start: AtomicUsize,
    len: AtomicUsize,
    lost: AtomicBool,
}

static SLOTS: [Slot; WATCHED_MAX] = [const {
    Slot {
        taken: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        lost: AtomicBool::new(false),
    }
}; WATCHED_MAX];

/// What was done about SIGBUS before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// A mapping whose pages may go. Has to be dropped before the mapping is.
pub(crate) struct Watched(&'static Slot);

impl Watched {
    /// Watches over the mapping at `bytes`. Fails if the handler cannot be installed or there are
    /// too many mappings.
    pub(crate) fn new(bytes: &[u8]) -> io::Result<Self> {
        install()?;
        let free = |slot: &&Slot| !slot.taken.swap(true, Ordering::AcqRel);
        let slot = SLOTS
            .iter()
            .find(free)
            .ok_or_else(|| io::Error::other("too many files are mapped"))?;
        slot.lost.store(false, Ordering::Relaxed);
        slot.len.store(bytes.len(), Ordering::Relaxed);
        slot.start.store(bytes.as_ptr() as usize, Ordering::Release);
        Ok(Self(slot))
    }

    /// Whether pages were found missing.
    #[inline]
    pub(crate) fn is_lost(&self) -> bool {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.start.store(0, Ordering::Release);
        self.0.taken.store(false, Ordering::Release);
    }
}

/// Installs the handler, once.
#[expect(unsafe_code, reason = "signals are the system's own interface")]
fn install() -> io::Result<()> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let done = DONE.get_or_init(|| {
        let mut before = MaybeUninit::uninit();
        // SAFETY: all-zero is a valid sigaction (no flags, empty mask); the handler has the
        // signature that SA_SIGINFO asks for; `before` is written by the call if it succeeds.
        unsafe {
            let mut action: libc::sigaction = zeroed();
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            if libc::sigaction(libc::SIGBUS, ptr::null(), before.as_mut_ptr()) != 0 {
                return false;
            }
            BEFORE.get_or_init(|| before.assume_init());
            libc::sigaction(libc::SIGBUS, &action, ptr::null_mut()) == 0
        }
    });
    if *done {
        Ok(())
    } else {
        Err(io::Error::other("a handler for SIGBUS cannot be installed"))
    }
}

/// The handler. It calls nothing but `mmap` and `sigaction`, and reads atomics: no lock, no
/// allocation.
#[expect(unsafe_code, reason = "signals are the system's own interface")]
extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo to a handler with SA_SIGINFO, and for SIGBUS its
    // address field is set.
    let address = unsafe { (*info).si_addr() } as usize;
    let found = SLOTS.iter().find_map(|slot| {
        let start = slot.start.load(Ordering::Acquire);
        let len = slot.len.load(Ordering::Acquire);
        // Both of one mapping, and not of two that followed each other in the slot.
        let is_one = start != 0 && slot.start.load(Ordering::Acquire) == start;
        (is_one && address.wrapping_sub(start) < len).then_some((slot, start + len))
    });
    if let Some((slot, end)) = found
        && replace(slot, address, end)
    {
        return;
    }
    let Some(before) = BEFORE.get() else { return };
    // SAFETY: `before` came from sigaction, so its handler has the signature that its flags say;
    // installing it again makes the fault come once more where it went before us.
    unsafe {
        let handler = before.sa_sigaction;
        if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
            libc::sigaction(signal, before, ptr::null_mut());
        } else if before.sa_flags & libc::SA_SIGINFO != 0 {
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                std::mem::transmute(handler);
            handler(signal, info, context);
        } else {
            let handler: extern "C" fn(libc::c_int) = std::mem::transmute(handler);
            handler(signal);
        }
    }
}

/// Puts zeros from the page of `address` to the end of the slot's mapping.
#[expect(unsafe_code, reason = "the mapping is replaced in place")]
fn replace(slot: &Slot, address: usize, end: usize) -> bool {
    // SAFETY: sysconf has no preconditions.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    let first = address & !(page - 1);
    slot.lost.store(true, Ordering::Relaxed);
    // SAFETY: the range lies within a mapping of ours that is alive, as its slot says, and whose
    // pages are only ever read; it begins at a page. The mapping is unmapped by address and length
    // later, which covers the new pages too.
    let mapped = unsafe {
        libc::mmap(
            first as *mut libc::c_void,
            end - first,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    mapped != libc::MAP_FAILED
}
