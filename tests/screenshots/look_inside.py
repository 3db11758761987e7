"""Pictures of the panel "Look inside": every ability, on an electron and a light micrograph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from windows import SIZE, pump, save, shoot, tiled, wait_until

TRAIN_S = 30
LIMIT_KB = 200


class Inside:
    """A window with a trained model and the panel, as a person would have it before them."""

    def __init__(self, picture: Any, name: str, folder: Path) -> None:
        import napari

        from unetscope.cli.demo.window import PLUGIN, set_up

        self.name, self.folder = name, folder
        self.viewer = napari.Viewer(show=True, title="napari")
        self.viewer.window.resize(*SIZE)
        self.painting = set_up(self.viewer, picture, train_seconds=TRAIN_S)
        _, self.panel = self.viewer.window.add_plugin_dock_widget(PLUGIN, "Look inside")
        self.inspector = self.panel.inspector
        self.inside, self.ask = self.panel.inside, self.inspector.questions.ask
        session = self.painting.session
        pump(0.5)
        self.panel._dock().raise_()
        wait_until(lambda: session.newest is not None, 240)
        wait_until(lambda: not session.training.busy, 240)
        wait_until(lambda: not session.answering)
        self.choose_source("model:fine-tuned network")
        for layer in self.viewer.layers:
            layer.visible = "prediction" not in layer.name
        self.viewer.reset_view()

    def choose_source(self, key: str) -> None:
        """Look into another network."""
        wait_until(lambda: key in {source.key for source in self.inside.sources})
        self.inspector.networks.choose(key)
        self.settle()

    def layer(self, layer: str, channel: int = 0) -> None:
        """Choose a layer and a channel."""
        self.inspector.choose_layer(layer)
        self.inspector.choose_channel(channel)
        self.settle()

    def settle(self) -> None:
        """Wait until nothing runs."""
        pump(0.6)
        wait_until(lambda: not self.inspector.busy, 120)
        pump(0.3)

    def asked(self, question: Callable[[], None]) -> None:
        """Ask, and wait for the answer."""
        self.inside.shown = None
        question()
        self.settle()
        error = self.inside.message
        if self.inside.shown is None or (error is not None and error.tone == "error"):
            raise RuntimeError(f"no answer: {error}")

    def probe(self, y: float, x: float) -> None:
        """Hold a point with the probe."""
        self.panel.subject_panel.probe.setChecked(True)
        self.inspector.probe.point_at((y, x))
        pump(0.5)
        self.settle()

    def probe_off(self) -> None:
        """Give the brush back, and take the lines away."""
        self.panel.subject_panel.probe.setChecked(False)
        self.inside.point = None
        self.inspector.pictures.remove("receptive field", "effective field")
        pump(0.1)

    def zoom(self, y: float, x: float, zoom: float) -> None:
        """Centre the camera on an image pixel, ``zoom`` screen pixels a pixel."""
        image = self.inspector.layers.layer(self.inside.image.key)
        scale = image.scale[-1]
        self.viewer.camera.center = (0.0, y * scale, x * scale)
        self.viewer.camera.zoom = zoom / scale
        self.settle()

    def strongest(self) -> None:
        """Choose the channel that fires most at the held point."""
        heard: list[Any] = []
        self.inspector.probe.strongest.connect(heard.append)
        self.inspector.probe.draw()
        self.inspector.probe.strongest.disconnect(heard.append)
        self.inspector.choose_channel(heard[-1][0][0])
        self.settle()

    def unfold(self, text: str | None) -> None:
        """Open one of the folded rows, or close all."""
        for name, button in self.panel.ask_panel.unfolding.items():
            button.setChecked(name == text)
        pump(0.2)

    def strokes(self, *, visible: bool) -> None:
        """Show or hide the painted strokes."""
        for layer in self.viewer.layers:
            if layer.name.startswith("strokes"):
                layer.visible = visible

    def hide(self, *beginnings: str) -> None:
        """Hide the layers whose names begin so."""
        for layer in self.viewer.layers:
            if layer.name.startswith(beginnings):
                layer.visible = False

    def scroll(self, part: Any) -> None:
        """Bring a part of the panel into view, its upper edge first."""
        pump(0.3)
        bar = self.panel._scroll.verticalScrollBar()
        body = self.panel._scroll.widget()
        bar.setValue(part.mapTo(body, part.rect().topLeft()).y() - 4)
        pump(0.2)

    def shoot(self, what: str) -> None:
        """Save the window as ``inside-NAME-WHAT.png``."""
        shoot(self.viewer, self.folder / f"inside-{self.name}-{what}.png", limit_kb=LIMIT_KB)

    def clear(self) -> None:
        """Remove what is shown."""
        self.unfold(None)
        self.inspector.clear()
        self.viewer.reset_view()
        pump(0.2)

    def close(self) -> None:
        """End all work and close the window."""
        self.panel.shut_down()
        self.painting.shut_down()
        self.viewer.close()


def electron(picture: Any, folder: Path) -> None:
    """Synthetic membranes, in the dark theme."""
    seen = Inside(picture, "em", folder)
    panel, ask = seen.panel, seen.ask
    seen.strokes(visible=False)
    seen.layer("enc3.relu2")
    seen.zoom(236, 236, 2.6)
    seen.probe(208, 190)
    seen.scroll(panel.network_panel)
    seen.shoot("probe")
    _depths(seen)
    seen.probe_off()

    seen.clear()
    seen.layer("dec1.convs.relu2", 3)
    seen.asked(seen.inspector.show_maps)
    seen.zoom(208, 220, 2)
    seen.scroll(panel.network_panel)
    seen.shoot("maps")

    seen.layer("enc1.relu2")
    seen.zoom(206, 168, 12)
    panel.look_panel.arithmetic.setChecked(True)
    seen.probe(206, 168)
    seen.strongest()
    seen.asked(seen.inspector.show_maps)
    seen.scroll(panel.look_panel.strongest)
    seen.shoot("microscope")
    panel.look_panel.arithmetic.setChecked(False)
    seen.probe_off()

    seen.clear()
    seen.layer("enc1.conv2")
    seen.asked(lambda: ask("kernels"))
    seen.scroll(panel.look_panel)
    seen.shoot("kernels")

    seen.clear()
    seen.unfold("ablate")
    without = panel.ask_panel.without
    without.skips.setCurrentIndex(without.skips.findData("dec1"))
    seen.asked(without.go.click)
    seen.zoom(208, 220, 2)
    seen.scroll(panel.ask_panel)
    seen.shoot("without")

    seen.clear()
    seen.strokes(visible=True)
    seen.layer("bottleneck.relu2")
    seen.unfold("attribution")
    panel.ask_panel.why.region.setCurrentIndex(1)
    panel.ask_panel.why.target.setCurrentIndex(3)
    seen.asked(panel.ask_panel.why.go.click)
    seen.zoom(312, 170, 2)
    seen.scroll(panel.ask_panel)
    seen.shoot("why")

    seen.clear()
    seen.unfold("dissect")
    seen.asked(lambda: ask("dissect", every_stage=True))
    seen.inspector.pick(seen.inside.shown.table.payloads[0])
    seen.settle()
    seen.asked(lambda: ask("dissect", every_stage=True))
    seen.scroll(panel.ask_panel)
    seen.shoot("classes")

    seen.clear()
    seen.strokes(visible=False)
    seen.layer("dec1.convs.relu2", 3)
    seen.asked(lambda: ask("compare"))
    seen.zoom(208, 220, 2)
    seen.scroll(panel.ask_panel)
    seen.shoot("difference")

    seen.clear()
    seen.asked(lambda: ask("equivariance"))
    seen.zoom(208, 220, 2.6)
    seen.scroll(panel.ask_panel)
    seen.shoot("shift")
    seen.close()


def _depths(seen: Inside) -> None:
    """The field of one pixel, layer by layer: four pictures of the canvas side by side."""
    found = []
    seen.zoom(208, 190, 2.6)
    for layer in ("enc1.relu2", "enc2.relu2", "enc3.relu2", "classifier"):
        seen.layer(layer)
        pump(0.4)
        canvas = seen.viewer.screenshot(canvas_only=True, flash=False)
        height, width = canvas.shape[:2]
        side = 330
        top, left = (height - side) // 2, (width - side) // 2
        found.append(canvas[top : top + side, left : left + side])
    save(tiled(found), seen.folder / f"inside-{seen.name}-depth.png", limit_kb=LIMIT_KB)


def light(picture: Any, folder: Path) -> None:
    """The stained section, some of it in the light theme."""
    seen = Inside(picture, "light", folder)
    panel, ask = seen.panel, seen.ask
    seen.strokes(visible=False)
    seen.viewer.theme = "light"
    pump(0.5)
    seen.layer("bottleneck.relu2")
    seen.zoom(300, 280, 2.6)
    seen.probe(293, 315)
    seen.scroll(panel.network_panel)
    seen.shoot("probe")
    seen.probe_off()

    seen.clear()
    panel.network_panel.unfold.setChecked(True)
    seen.layer("enc2.relu2", 5)
    seen.asked(seen.inspector.show_maps)
    seen.scroll(panel.network_panel.ladder)
    seen.shoot("maps")
    panel.network_panel.unfold.setChecked(False)
    seen.viewer.theme = "dark"
    pump(0.5)

    seen.clear()
    seen.layer("enc1.relu2")
    panel.look_panel.sheet.setChecked(True)
    seen.settle()
    seen.scroll(panel.look_panel)
    seen.shoot("sheet")
    panel.look_panel.sheet.setChecked(False)
    seen.settle()

    seen.clear()
    seen.layer("pool:1")
    seen.zoom(293, 315, 14)
    panel.look_panel.arithmetic.setChecked(True)
    seen.probe(293, 315)
    seen.strongest()
    seen.scroll(panel.look_panel)
    seen.shoot("microscope")
    panel.look_panel.arithmetic.setChecked(False)
    seen.probe_off()

    seen.clear()
    seen.layer("enc1.conv1")
    seen.unfold("ablate")
    panel.ask_panel.without.kinds["channel"].setChecked(True)
    seen.asked(lambda: ask("ablate", mode="mean"))
    ranking = seen.inside.shown
    best = ranking.table.payloads[0]
    seen.inspector.choose_channel(best.channel)
    seen.asked(lambda: ask("ablate", part=f"channel:{best.layer}:{best.channel}"))
    seen.inside.shown = ranking
    seen.zoom(256, 300, 2.2)
    seen.scroll(panel.ask_panel)
    seen.shoot("without")

    seen.clear()
    seen.unfold("edit")
    panel.ask_panel.kernel.out.setValue(0)
    panel.ask_panel.kernel.presets["sobel_x"].click()
    pump(0.2)
    seen.asked(panel.ask_panel.kernel.apply.click)
    seen.hide("inside: mask", "inside: change")
    seen.zoom(256, 300, 2.2)
    seen.scroll(panel.ask_panel)
    seen.shoot("edit")

    seen.clear()
    seen.strokes(visible=True)
    seen.layer("dec1.convs.relu2")
    seen.unfold("attribution")
    panel.ask_panel.why.region.setCurrentIndex(1)
    panel.ask_panel.why.target.setCurrentIndex(2)
    seen.asked(panel.ask_panel.why.go.click)
    seen.zoom(300, 320, 2)
    seen.scroll(panel.ask_panel)
    seen.shoot("why")

    seen.clear()
    seen.strokes(visible=False)
    seen.asked(lambda: ask("health"))
    seen.zoom(300, 300, 2)
    seen.scroll(panel.ask_panel)
    seen.shoot("health")

    seen.clear()
    seen.layer("dec1.convs.relu2")
    seen.asked(lambda: ask("pca"))
    seen.zoom(300, 300, 2.4)
    seen.scroll(panel.network_panel)
    seen.shoot("colours")

    seen.clear()
    seen.layer("enc3.relu2", 7)
    seen.asked(lambda: ask("maximise"))
    seen.scroll(panel.look_panel)
    seen.shoot("favourite")

    seen.clear()
    seen.choose_source("textbook:resnet18")
    seen.layer("layer2.1.relu2")
    seen.probe(293, 315)
    seen.strongest()
    panel.look_panel.own_contrast.setChecked(True)
    seen.asked(seen.inspector.show_maps)
    seen.scroll(panel.network_panel)
    seen.shoot("resnet")
    seen.close()


TAKEN = {"em": electron, "light": light}
