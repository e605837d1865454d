//! Of an allocator of their own: that of the process serves the tests.

use super::*;

const ALL: usize = WORDS * PIECES_A_WORD;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap_or(Layout::new::<u8>())
}

#[test]
fn each_piece_is_there_once() {
    static RESERVE: Allocator = Allocator::new();
    let mut pieces: Vec<_> = (0..ALL)
        .map(|_| RESERVE.take(layout(PIECE, PIECE)).addr())
        .collect();
    assert!(RESERVE.take(layout(1, 1)).is_null());
    pieces.sort_unstable();
    let first = pieces[0];
    let expected: Vec<_> = (0..ALL).map(|piece| first + piece * PIECE).collect();
    assert_eq!(pieces, expected);
    assert_eq!(first % PIECE, 0);
}

#[test]
fn what_is_given_back_is_there_again() {
    static RESERVE: Allocator = Allocator::new();
    let pieces: Vec<_> = (0..ALL).map(|_| RESERVE.take(layout(8, 8))).collect();
    for index in [0, 70, ALL - 1] {
        assert!(RESERVE.take_back(pieces[index]));
        assert_eq!(RESERVE.take(layout(8, 8)), pieces[index]);
    }
}

#[test]
fn what_is_too_long_or_too_aligned_is_not_there() {
    static RESERVE: Allocator = Allocator::new();
    assert!(RESERVE.take(layout(PIECE + 1, 1)).is_null());
    assert!(RESERVE.take(layout(8, 2 * PIECE)).is_null());
}

#[test]
fn other_memory_is_no_piece() {
    static RESERVE: Allocator = Allocator::new();
    let first = RESERVE.first();
    for memory in [
        first.wrapping_sub(1),
        first.wrapping_add(size_of::<Pieces>()),
        ptr::null_mut(),
    ] {
        assert!(!RESERVE.take_back(memory));
    }
}
