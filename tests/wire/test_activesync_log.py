"""ActiveSync's element of the log, as *Exchange ActiveSync Protocol Logging* has it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.activesync_log import log_value
from exfront.wire.wbxml_peek import Told


class LogValueTests(SynchronousTestCase):
    def test_the_sample_word_for_word(self) -> None:
        """S-OPS-15: of *CASProxy mit Exchange 2007*; it ends with an underscore, PrxTo stands before Error."""
        self.assertEqual(
            log_value(sent_to="backend.msxfaq.de", error="NTLM not on the destination CAS"),
            "PrxTo:backend.msxfaq.de_Error:NTLM+not+on+the+destination+CAS_",
        )

    def test_all_elements_in_their_order(self) -> None:
        self.assertEqual(
            log_value(121, "5", "cas2.x", "10.0.0.1", "e"), "V121_Fid:5_PrxTo:cas2.x_PrxFrom:10.0.0.1_Error:e_"
        )
        self.assertEqual(log_value(25), "V25_")
        self.assertEqual(log_value(), "")

    def test_what_the_body_told(self) -> None:
        """V, Fc, Fid, Ty, Filt, St, Sk, Hb: numbers behind the letters, texts behind a colon."""
        self.assertEqual(
            log_value(25, told=Told(1, "7", "Calendar", "4", "593", "")), "V25_Fc1_Fid:7_Ty:Ca_Filt4_St:S_Sk:593_"
        )
        self.assertEqual(log_value(told=Told(2, key="0", heartbeat="480")), "Fc2_St:F_Sk:0_Hb480_")
        self.assertEqual(log_value(told=Told(kind="Notes", filter="x", heartbeat="4_8")), "")

    def test_nothing_of_a_text_ends_its_element_or_the_query(self) -> None:
        """S-HTTP-40: what a phone writes as a folder's id is escaped, and cut."""
        self.assertEqual(log_value(0, "a_Error:x&Log=b c%"), "Fid:a%5FError%3Ax%26Log%3Db+c%25_")
        self.assertEqual(len(log_value(0, "a" * 1000)), len("Fid:_") + 200)
