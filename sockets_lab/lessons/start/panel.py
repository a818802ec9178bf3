"""The panel of lesson 00: the passport line by line, and how each was found out."""

from sockets_lab.kernel import machine
from sockets_lab.lessons.start.figure import passport_card
from sockets_lab.panels.fields import choice, row
from sockets_lab.panels.panel import Panel

STANDINGS = {True: "This machine can.", False: "This machine cannot.", None: "This could not be found out here."}


class PassportPanel(Panel):
    """Everything that the lessons depend on, tried on this machine."""

    purpose = "look at each line of the passport, and try everything again"

    def __init__(self) -> None:
        self.abilities = {ability.name: ability for ability in machine.passport()}
        self.choice = choice("Ability", 330, list(self.abilities), value=None, aligned=True)
        self.follow(self.choice, self.explain)
        again = self.button("Try everything again", self.try_again, "Probe this machine anew")
        super().__init__(row([self.choice, again]))
        self.draw(passport_card(list(self.abilities.values())))
        self.say("Choose an ability, and read how it was found out.")

    def explain(self) -> None:
        """Say about the chosen ability what its line has no room for."""
        if self.choice.value is None:
            return
        ability = self.abilities[self.choice.value]
        self.draw(passport_card(list(self.abilities.values()), ability.name))
        self.say(
            f"**{ability.name}**: {ability.value}. {STANDINGS[ability.present]} The course {ability.how}.\n"
            f"It matters in {ability.lesson}. On a machine without it, {ability.without}."
        )

    def try_again(self) -> None:
        self.abilities = {ability.name: ability for ability in machine.passport()}
        self.draw(passport_card(list(self.abilities.values()), self.choice.value or ""))
        self.say("Tried again: this is what your machine can do now.")


make = PassportPanel.make
