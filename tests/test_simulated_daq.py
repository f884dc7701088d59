"""The simulated NI cards, through the unmodified nidaqmx client and through `instruments.daq`."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from nidaqmx import GrpcSessionOptions, Task
from nidaqmx.constants import AcquisitionType, LineGrouping, TerminalConfiguration
from nidaqmx.errors import DaqError, DaqReadError
from nidaqmx.errors import RpcError as NiRpcError
from numpy.testing import assert_allclose, assert_array_equal

from analysis.errors import InputError
from instruments.clock import VirtualClock
from instruments.daq import AnalogInput, AnalogOutput, DigitalOutput
from instruments.errors import DeviceError, LimitError
from instruments.simulation.daq_card import PCIE_6363, Card, CardError, normal_deviates
from instruments.simulation.daq_server import LATENCY, DaqServer

WIRING = {
    "ao0": "magnet",
    "ai0": "hall",
    "ai1": "sum",
    "ai2": "ramp",
    "port0/line0": "relay_sample",
    "port0/line1": "relay_coil",
}


class FakeTwin:
    """Hall voltage = half of the magnet's; sum = 1.5 V; ramp = 1 V/s."""

    def __init__(self):
        self.clock = VirtualClock()
        self.seed = 3
        self.magnet = 0.0
        self.lines = {"relay_sample": False, "relay_coil": False}

    def analog_output(self, name, volts):
        assert name == "magnet"
        self.magnet = volts

    def analog_input(self, name, times):
        return {"hall": 0 * times + self.magnet / 2, "sum": 0 * times + 1.5, "ramp": times}[name]

    def digital_output(self, name, high):
        self.lines[name] = high


class Bench:
    """A twin, its server and the options for nidaqmx."""

    def __init__(self):
        self.twin = FakeTwin()
        self.clock = self.twin.clock
        self.server = DaqServer([Card(self.twin, WIRING)])
        self.server.start()
        self.channel = self.server.channel(self.clock)
        self.options = GrpcSessionOptions(self.channel, "")

    def hall(self, **options):
        return AnalogInput("Dev1/ai0", name="Hall probe", grpc_options=self.options, **options)

    def ask(self, ai, **options):
        """A nidaqmx task on one analog input."""
        task = Task(grpc_options=self.options)
        task.ai_channels.add_ai_voltage_chan(f"Dev1/{ai}", **options)
        return task


@pytest.fixture
def bench():
    before = set(threading.enumerate())
    bench = Bench()
    yield bench
    left = bench.server.open_tasks()
    refused = bench.server.refused
    bench.channel.close()
    bench.server.stop()
    assert left == [] or left == getattr(bench, "expected_tasks", [])
    assert refused == getattr(bench, "expected_refusals", [])
    assert set(threading.enumerate()) - before == set()


# ------------------------------------------------------------- the unmodified client


def test_nidaqmx_writes_a_voltage_and_reads_what_the_twin_makes_of_it(bench):
    with Task(grpc_options=bench.options) as output, bench.ask("ai0") as hall:
        output.ao_channels.add_ao_voltage_chan("Dev1/ao0")
        output.write(3.0)
        assert bench.twin.magnet == 3.0
        assert_allclose(np.mean(hall.read(2000)), 1.5, atol=5 * 315e-6 / 2000**0.5)
        assert isinstance(hall.read(), float)


def test_several_channels_are_read_in_one_task_and_unwired_ones_lie_at_ground(bench):
    with bench.ask("ai1:3") as task:
        assert task.channel_names == ["Dev1/ai1", "Dev1/ai2", "Dev1/ai3"]
        total, ramp, ground = np.array(task.read(500))
        now = bench.clock.now()
    assert_allclose(total.mean(), 1.5, atol=1e-4)
    assert_allclose(ramp.mean(), now, atol=1e-3)
    assert_allclose(ground.mean(), 0, atol=1e-4)
    assert_allclose(ground.std(), np.hypot(157e-6, 10 / 2**16 / 12**0.5), rtol=0.2)  # range 5 V


def test_samples_are_quantised_and_clipped_to_the_smallest_range_that_holds_the_limits(bench):
    with Task(grpc_options=bench.options) as task:
        task.ai_channels.add_ai_voltage_chan("Dev1/ai1", min_val=-4.0, max_val=4.0)
        codes = np.array(task.read(50)) / (5.0 / 2**15)
        assert_allclose(codes, np.rint(codes), atol=1e-6)
        assert codes.std() > 0.5
    with bench.ask("ai1", min_val=0.0, max_val=0.9) as task:
        assert_array_equal(task.read(5), np.full(5, 1 - 2.0**-15))


def test_lines_are_switched_as_bool_list_or_integer_and_read_back(bench):
    with Task(grpc_options=bench.options) as one, Task(grpc_options=bench.options) as other:
        one.do_channels.add_do_chan("Dev1/port0/line0")
        other.do_channels.add_do_chan("Dev1/port0/line1")
        one.write(True)
        assert bench.twin.lines == {"relay_sample": True, "relay_coil": False}
        other.write(True)
        assert (one.read(), other.read()) == (True, True)
    with Task(grpc_options=bench.options) as each:
        each.do_channels.add_do_chan("Dev1/port0/line0:1", line_grouping=LineGrouping.CHAN_PER_LINE)
        each.write([False, True])
        assert bench.twin.lines == {"relay_sample": False, "relay_coil": True}
    with Task(grpc_options=bench.options) as both:
        both.do_channels.add_do_chan("Dev1/port0/line0:1", line_grouping=LineGrouping.CHAN_FOR_ALL_LINES)
        assert both.read() == 0b10
        both.write(0b01)
        assert bench.twin.lines == {"relay_sample": True, "relay_coil": False}


@pytest.mark.parametrize(
    ("channel", "limits", "terminal", "code"),
    [
        ("Dev9/ai0", (-10, 10), "DIFF", -200220),
        ("Dev1/ai77", (-10, 10), "RSE", -200170),
        ("Dev1/ao0", (-10, 10), "RSE", -200170),
        ("Dev1/ai0", (-50, 50), "DIFF", -200077),
        ("Dev1/ai0", (1, -1), "DIFF", -200082),
        ("Dev1/ai8", (-10, 10), "DIFF", -200077),
        ("Dev1/ai0", (-10, 10), "PSEUDO_DIFF", -200077),
    ],
)
def test_impossible_channels_get_the_error_code_of_ni(bench, channel, limits, terminal, code):
    with Task(grpc_options=bench.options) as task, pytest.raises(DaqError) as caught:
        task.ai_channels.add_ai_voltage_chan(
            channel, terminal_config=TerminalConfiguration[terminal], min_val=limits[0], max_val=limits[1]
        )
    assert caught.value.error_code == code


def test_one_value_beyond_the_limits_keeps_the_whole_write_back(bench):
    with Task(grpc_options=bench.options) as task:
        task.ao_channels.add_ao_voltage_chan("Dev1/ao0:1", min_val=-2, max_val=2)
        with pytest.raises(DaqError) as caught:
            task.write([1.0, 2.5])
        assert caught.value.error_code == -200561
        assert bench.twin.magnet == 0.0


def test_a_clocked_read_gives_what_the_clock_has_reached_and_never_moves_it(bench):
    with bench.ask("ai2") as task:
        task.timing.cfg_samp_clk_timing(10e3, sample_mode=AcquisitionType.FINITE, samps_per_chan=100)
        task.start()
        begin = bench.clock.now()
        with pytest.raises(DaqReadError) as caught:
            task.read(100, timeout=60.0)
        assert caught.value.error_code == -200284
        taken = caught.value.samps_per_chan_read
        assert 0 < taken == round((bench.clock.now() - begin) * 10e3) < 100
        with pytest.raises(DaqError) as caught:
            task.wait_until_done(timeout=60.0)
        assert caught.value.error_code == -200560
        bench.clock.wait(10e-3)
        task.wait_until_done()
        rest = task.read(100 - taken)
        assert_allclose(rest, begin + np.arange(taken, 100) / 10e3, atol=2e-3)
        assert task.is_task_done()


def test_a_running_task_keeps_the_converter_and_an_output_keeps_its_channel(bench):
    with bench.ask("ai0") as first, bench.ask("ai1") as second:
        first.start()
        with pytest.raises(DaqError) as caught:
            second.read()
        assert caught.value.error_code == -50103
        first.stop()
        second.read()
    with Task(grpc_options=bench.options) as first, Task(grpc_options=bench.options) as second:
        first.ao_channels.add_ao_voltage_chan("Dev1/ao0")
        second.ao_channels.add_ao_voltage_chan("Dev1/ao0:1")
        first.write(1.0)
        with pytest.raises(DaqError) as caught:
            second.write([0.0, 0.0])
        assert caught.value.error_code == -50103


def test_a_call_that_is_not_simulated_is_refused_by_name(bench):
    with Task(grpc_options=bench.options) as task:
        with pytest.raises(NiRpcError):
            task.ai_channels.add_ai_thrmcpl_chan("Dev1/ai0")
        task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
        with pytest.raises(NiRpcError):
            _ = task.ai_channels.all.ai_lowpass_cutoff_freq
    bench.expected_refusals = [
        "CreateAIThrmcplChan",
        "GetChanAttributeDouble CHANNEL_ATTRIBUTE_AI_LOWPASS_CUTOFF_FREQ",
    ]
    assert bench.server.refused == bench.expected_refusals


# ------------------------------------------------------------- time and noise


def test_every_exchange_of_the_run_takes_the_latency_and_those_of_other_threads_none(bench):
    with bench.hall() as hall:
        before = bench.clock.now()
        values = [hall.read(50), hall.read(50)]
        assert_allclose(bench.clock.now() - before, 2 * LATENCY)
        now = bench.clock.now()
        thread = threading.Thread(target=lambda: values.extend([hall.read(50), hall.read(50)]))
        thread.start()
        thread.join()
        assert bench.clock.now() == now
    assert values[0] != values[1] == values[2] == values[3]


def test_noise_is_a_function_of_epoch_and_time_since_it_began():
    readings = []
    for pause in (0.0, 12.3456789):
        twin = FakeTwin()
        card = Card(twin, WIRING)
        twin.clock.wait(pause)
        twin.clock.mark(0, 4, 1)
        twin.clock.wait(0.01)
        readings.append(card.convert("ai0", 10.0, twin.clock.now(), 5e-7, 20))
        twin.clock.mark(0, 5, 1)
        twin.clock.wait(0.01)
        readings.append(card.convert("ai0", 10.0, twin.clock.now(), 5e-7, 20))
    assert_array_equal(readings[0], readings[2])
    assert_array_equal(readings[1], readings[3])
    assert np.any(readings[0] != readings[1])
    assert np.any(readings[0] != card.convert("ai3", 10.0, twin.clock.now(), 5e-7, 20))


def test_deviates_are_normal_and_do_not_follow_their_neighbours():
    count = 200_000
    deviates = normal_deviates((1, 2), np.arange(count))
    assert_allclose([deviates.mean(), deviates.var() - 1, (deviates**4).mean() - 3], 0, atol=0.05)
    for lag in (1, 2, 4, 64):
        assert abs(np.mean(deviates[lag:] * deviates[:-lag])) < 5 / count**0.5
    assert abs(np.mean(deviates * normal_deviates((1, 3), np.arange(count)))) < 5 / count**0.5
    assert_array_equal(normal_deviates((1, 2), np.array([7, -3]))[0], deviates[7])


# ------------------------------------------------------------- the driver of the product


def test_driver_reads_writes_and_says_on_which_card(bench):
    with (
        AnalogOutput("Dev1/ao0", name="magnet supply", grpc_options=bench.options) as output,
        bench.hall() as hall,
        DigitalOutput(["Dev1/port0/line0", "Dev1/port0/line1"], name="relay", grpc_options=bench.options) as relay,
    ):
        output.write(np.float64(-4.0))
        assert_allclose(hall.read(400), -2.0, atol=1e-4)
        relay.write([False, True])
        assert relay.read() == [False, True]
        assert hall.identity() == "National Instruments,PCIe-6363 (simulated),0,NI-DAQmx 24.8.0"
    assert bench.twin.magnet == -4.0
    assert bench.twin.lines == {"relay_sample": False, "relay_coil": True}


@pytest.mark.parametrize("volts", [5.1, -5.1, float("nan"), float("inf")])
def test_a_voltage_beyond_the_limits_is_refused_before_anything_is_sent(bench, volts):
    with AnalogOutput("Dev1/ao0", name="magnet supply", minimum=-5, maximum=5, grpc_options=bench.options) as output:
        now = bench.clock.now()
        with pytest.raises(LimitError, match=r"Dev1/ao0 \(magnet supply\): .* within -5 and 5 V"):
            output.write(volts)
        assert bench.clock.now() == now


def test_wrong_states_and_sample_counts_are_refused(bench):
    with DigitalOutput(["Dev1/port0/line0"], name="relay", grpc_options=bench.options) as relay:
        for states in ([True, False], [1], []):
            with pytest.raises(InputError, match=r"Dev1/port0/line0 \(relay\) must be 1 times True or False"):
                relay.write(states)
    with bench.hall() as hall, pytest.raises(InputError, match="at least 1"):
        hall.read(0)


def test_a_reading_at_the_end_of_the_range_is_an_error_not_a_number(bench):
    with bench.hall(minimum=-1, maximum=1) as hall:
        for volts in (4.0, -4.0):
            bench.twin.magnet = volts
            with pytest.raises(DeviceError, match=r"Dev1/ai0 \(Hall probe\): overloads its input range"):
                hall.read(5)
        bench.twin.magnet = 1.9
        assert_allclose(hall.read(5), 0.95, atol=1e-3)


@pytest.mark.parametrize(
    ("channel", "code", "remedy"),
    [("Dev9/ai0", -200220, "device name in the bench"), ("Dev1/ai99", -200170, "channel in the bench")],
)
def test_a_wrong_address_is_named_and_leaves_no_task(bench, channel, code, remedy):
    with pytest.raises(DeviceError) as caught:
        AnalogInput(channel, name="Hall probe", terminal="rse", grpc_options=bench.options)
    assert caught.value.device == f"{channel} (Hall probe)"
    assert str(code) in caught.value.what
    assert remedy in caught.value.remedy
    assert caught.value.__cause__.error_code == code
    assert bench.server.open_tasks() == []


def test_an_injected_fault_reaches_the_user_with_its_remedy(bench):
    with bench.hall() as hall:
        fault = CardError(-201003)
        bench.server.driver.fault = lambda task, operation: fault if operation == "read" else None
        with pytest.raises(DeviceError, match=r"Hall probe.*-201003.*plugged in and has power"):
            hall.read(2)
        bench.server.driver.fault = None
        hall.read(2)


def test_a_dead_server_is_a_device_error_in_every_call(bench):
    hall = bench.hall()
    output = AnalogOutput("Dev1/ao0", name="magnet supply", grpc_options=bench.options)
    bench.expected_tasks = bench.server.open_tasks()
    bench.server.stop()
    for call in (hall.read, hall.identity, hall.close, lambda: output.write(0.0), bench.hall):
        with pytest.raises(DeviceError, match="no valid answer from the NI driver"):
            call()
    hall.close()
    bench.channel.close()
    with pytest.raises(DeviceError, match="closed channel"):
        output.write(0.0)


def test_close_frees_the_task_once_and_later_calls_say_so(bench):
    hall = bench.hall()
    assert len(bench.server.open_tasks()) == 1
    hall.close()
    hall.close()
    assert bench.server.open_tasks() == []
    with pytest.raises(DeviceError, match="was closed"):
        hall.read()


def test_a_card_refuses_wiring_to_terminals_that_it_lacks():
    with pytest.raises(InputError, match=r"Channel of Dev2 must be a terminal of PCIe-6363 .*'ai32'"):
        Card(FakeTwin(), {"ai32": "hall"}, name="Dev2")
    assert PCIE_6363.analog_inputs == 32


def test_without_the_driver_of_ni_the_message_says_what_to_install():
    with pytest.raises(DeviceError, match="NI-DAQmx is not installed"):
        AnalogInput("Dev1/ai0", name="Hall probe")


def test_importing_the_driver_does_not_import_nidaqmx():
    code = "import sys, instruments.daq; print('nidaqmx' in sys.modules or 'grpc' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
