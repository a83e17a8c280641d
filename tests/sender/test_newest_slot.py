"""Tests of the single-slot hand-over."""

import asyncio
import threading

import pytest

from sender.newest_slot import Slot, SlotClosed


async def test_the_newest_item_wins_and_the_others_are_counted() -> None:
    slot: Slot[int] = Slot()
    for item in range(5):
        slot.put(item)
    assert await slot.get() == 4
    assert slot.dropped == 4


async def test_it_hands_over_from_another_thread() -> None:
    slot: Slot[str] = Slot()
    getting = asyncio.create_task(slot.get())
    await asyncio.sleep(0)
    thread = threading.Thread(target=slot.put, args=("picture",))
    thread.start()
    assert await getting == "picture"
    thread.join()


async def test_what_is_inside_at_the_end_can_be_fetched() -> None:
    slot: Slot[int] = Slot()
    slot.put(7)
    slot.close()
    slot.close()
    slot.put(8)
    assert await slot.get() == 7
    with pytest.raises(SlotClosed):
        await slot.get()


async def test_closing_wakes_who_waits() -> None:
    slot: Slot[int] = Slot()
    getting = asyncio.create_task(slot.get())
    await asyncio.sleep(0)
    slot.close()
    with pytest.raises(SlotClosed):
        await getting
